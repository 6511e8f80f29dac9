"""`report.html`: one file, whole, escaped, and without places of the machine it was made on."""

import dataclasses
import getpass
import html.parser
import platform
import re
from types import SimpleNamespace

import numpy as np
import pytest

from keras_vit.evaluation import Comparison
from keras_vit.evaluation.worst import Worst
from keras_vit.report import Curves, Report, Sheet, write_page
from keras_vit.tasks import Result, Task, classification, segmentation

NASTY = ("<script>alert(1)</script>", "A & B", "פרח", "🌸 flower", '" onerror="x', "n" * 300)
CALLS = {"1 thread, batch 1": 2.5}


class Page(html.parser.HTMLParser):
    """Collects the elements of a page with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text("utf-8")
        self.elements, self.text, self.open = [], "", []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def classified(names, count=60, side=8):
    """A report on answers drawn at random, with every part."""
    rng = np.random.default_rng(0)
    task, worst, size = classification(names), Worst(classification(names), 5), len(names)
    labels = rng.integers(0, size, count)
    logits = rng.normal(size=(count, size)) + 2 * np.eye(size)[labels]
    answers = {"probabilities": np.exp(logits) / np.exp(logits).sum(1, keepdims=True)}
    images = rng.integers(0, 256, (count, side, side, 3)).astype("uint8")
    worst(images, labels, answers)
    result = task.score([(answers, labels)])
    numbers = dict(figures={"accuracy": 0.5}, change=-0.25, agreement=0.75, difference=1e-5)
    rest = dict(decided=0.0, milliseconds=CALLS, runtime="LiteRT 2.3", operators={})
    return Report(
        task=task,
        model="/home/somebody/runs/model.keras",
        data="folder:/home/somebody/my pictures",
        split="holdout",
        result=result,
        notes=["Two pictures were left out."],
        baselines={"nearest neighbours": {"val": 0.5, "holdout": 0.25}, "probe": {"val": 0.75}},
        pictures={"train": 600, "holdout": count},
        per_class={"train": np.arange(size) + 7},
        sheet=Sheet(images[:3], [names[0], "", names[-1]]),
        curves=Curves({"loss": ([1, 2], [2.0, 1.0]), "val_loss": ([2], [1.5])}, [1e-3, 0.0], 2),
        worst=worst.examples,
        path_of=lambda place: f"/home/somebody/<i>/{place}&.png",
        comparisons=[Comparison("/home/somebody/1.tflite", 2_000_000, **numbers, **rest)],
        compared_on="60 pictures of holdout",
        settings={"epochs": 2, "seed": 0, "data": "/home/somebody/my_pictures"},
        defaults={"epochs": 30, "seed": 0, "data": ""},
        commands=[("Again:", "keras-vit train --data /home/somebody/my_pictures")],
        device="one CPU",
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_page(path, classified(NASTY))
    return Page(path)


def test_it_needs_no_other_file_and_no_network(written):
    assert not written.open  # every element is closed
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in written.elements}
    addresses = [each["src"] for each in written.all("img")]
    addresses += [each["href"] for each in written.all("a")]
    assert len(addresses) > 10 and all(re.match("data:image/|#", each) for each in addresses)
    assert "url(" not in written.source and "@import" not in written.source
    assert "default-src 'none'" in written.source and len(written.source) < 3e6
    targets = {attributes.get("id") for _, attributes in written.elements}
    assert {each["href"][1:] for each in written.all("a")} <= targets


def test_every_name_is_text(written):
    for name in NASTY:
        assert name in written.text
    assert written.text.count("&.png") == 5
    assert not any("onerror" in attributes for _, attributes in written.elements)


def test_pictures_are_described_and_tables_have_headings(written):
    assert all(each.get("alt") for each in written.all("img"))
    assert all(each.get("scope") in ("row", "col") for each in written.all("th"))
    assert len(written.all("th")) > 20


def test_nobody_learns_whose_machine_it_was(written):
    assert "somebody" not in written.source and "/home" not in written.source
    assert platform.node() not in written.text
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", written.text)
    assert "keras-vit train --data .../my_pictures" in written.text


def test_it_says_what_was_found(written):
    text = " ".join(written.text.split())
    for part in (
        "Scored on 60 pictures of the split holdout.",
        "95 % interval ",
        "Two pictures were left out.",
        "nearest neighbours50.00%25.00%",
        "600 pictures in train, 60 pictures in holdout; 6 classes of 7 to 12, median 9 in train.",
        "Expected calibration error in 15 bins: ",
        "2.00 MB",
        "-25.00",
        "2.50 ms, 1.00x",
        "3 settings, 2 of them not the default",
        "one CPU",
    ):
        assert part in text, part
    alts = [each["alt"] for each in written.all("img")]
    of_both = (
        "training from 2 in epoch 1 to 1 in epoch 2, val from 1.5 in epoch 2 to 1.5 in epoch 2"
    )
    assert f"loss: {of_both}" in alts
    assert "Learning rate over the epochs, at most 0.001" in alts


def test_a_thousand_classes_stay_short(tmp_path):
    report = classified([f"class {index}" for index in range(1000)], count=1500)
    report = dataclasses.replace(report, curves=None)
    write_page(tmp_path / "report.html", report)
    page = Page(tmp_path / "report.html")
    assert len(page.source) < 500_000 and len(page.all("tr")) < 150
    assert "40 of " in page.text and "the 40 smallest of 1,000 classes" in page.text


def test_masks_are_drawn_by_their_task(tmp_path):
    rng = np.random.default_rng(0)
    task = segmentation(("road", "sky & clouds"), void=255)
    truth = rng.integers(0, 2, (4, 16, 16))
    answers = {"mask": np.where(rng.random(truth.shape) < 0.8, truth, 0)}
    images = rng.integers(0, 256, (4, 16, 16, 3)).astype("uint8")
    worst = Worst(task)
    worst(images, truth, answers)
    result = task.score([(answers, truth)])
    given = dict(task=task, model="m", data="d", split="val", result=result, worst=worst.examples)
    write_page(tmp_path / "report.html", Report(**given))
    page = Page(tmp_path / "report.html")
    alts = [each["alt"] for each in page.all("img")]
    assert [alt.partition(" ")[0] for alt in alts] == ["picture", "truth", "answer"] * 4
    assert "bootstrap" in page.text and "sky & clouds" in page.text and "Worst answers" in page.text
    assert "Calibration" not in page.text


def test_a_task_that_says_little_is_reported_too(tmp_path):
    task = Task(name="depth", example=dict, loss=list, deploy=list, score=list)
    result = Result({"mean_error": 0.125}, count=3)
    given = dict(task=task, model="m", data="d", split="test", result=result)
    write_page(tmp_path / "report.html", Report(**given))
    page = Page(tmp_path / "report.html")
    assert "0.125" in page.text and "no interval is known" in page.text and not page.all("img")


def test_a_report_that_cannot_be_made_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    broken = classified(NASTY[:2])
    with pytest.raises(AttributeError):
        write_page(path, SimpleNamespace(task=broken.task, result=broken.result))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_it_is_shown_without_a_request_on_a_phone_and_on_a_desk(browser, tmp_path):
    write_page(tmp_path / "report.html", classified(NASTY, side=100))
    for width, scheme in ((400, "light"), (1400, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        asked, said = [], []
        page.on("request", lambda request, to=asked: to.append(request.url))
        page.on("console", lambda message, to=said: to.append(message.text))
        page.goto((tmp_path / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")
        assert [url for url in asked if not url.startswith("data:")] == [page.url] and said == []
        page.close()
