"""Whoever follows README or a guide, block by block, gets what it says: with tiny data and models.

Keras and TensorFlow are in this process already; commands are run in it too.
"""

import contextlib
import json
import re
import runpy
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from pages import GUIDES, READMES, blocks
from PIL import ExifTags, Image
from servers import serving_file

from keras_vit.cli.main import main
from keras_vit.export import save_keras
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import FITS, INTERPOLATIONS, OFFSETS, Preprocessing
from keras_vit.models import vit
from keras_vit.tasks import classifier

# What makes commands short, unless they say something else themselves.
BRIEF = {"--epochs": "1", "--warmup-epochs": "0", "--xla": "off"}
ELSEWHERE = ["pip", "install"], ["keras-vit", "train"]  # test_wheel.py, test_recipes.py
SERVER = "http://127.0.0.1:8501"
TINY = {"--width": "8", "--depth": "1", "--num-heads": "2"}
SHORT = {
    "keras-vit finetune": BRIEF | {"--batch-size": "4"},
    "python -m recipes.digits": BRIEF | TINY,
}
REPLACED = {  # in commands and in Python
    "hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k": "weights.keras",
    '"Ti/': '"mu/',
    "image_size=(224, 224)": "image_size=(8, 8)",
    "epochs=5": "epochs=1",
}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder with photographs, as it were, and weights: all pages leave there what they make."""
    folder, rng = tmp_path_factory.mktemp("guides"), np.random.default_rng(0)
    for name, count in (("my_pictures", 20), ("holdout", 4)):
        for index in range(count):
            place = folder / name / ("ant", "bee")[index % 2]
            place.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 128, (24 + index, 30, 3)) + 127 * (index % 2)
            Image.fromarray(pixels.astype("uint8")).save(place / f"{index}.jpg")
    save_keras(classifier(vit("mu/4", image_size=8), 3), folder / "weights.keras")
    return folder


@pytest.fixture
def place(photographs, monkeypatch):
    """The folder, in which commands run: one that was run for an earlier page is not run again."""
    monkeypatch.chdir(photographs)
    return photographs


def follow(page):
    """Runs the blocks of a page that have no mark, in their order.

    Returns the names that its Python defines.
    """
    names = {"__name__": "guide"}
    with contextlib.ExitStack() as servers:
        for block in blocks(page):
            if block.mark:
                continue
            if block.kind == "python":
                exec(compile(replaced(block.code), f"{page.name}, Python", "exec"), names)
            for words in block.commands:
                words = [replaced(word) for word in words]
                if words[:2] == ["keras-vit", "serve"]:
                    client = servers.enter_context(serving_file(words[2]))
                    servers.enter_context(pytest.MonkeyPatch.context()).setitem(
                        REPLACED, SERVER, str(client.base_url).rstrip("/")
                    )
                elif words[:2] not in ELSEWHERE:
                    run(words)
    return names


def replaced(text):
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    return text


def run(words):
    """Runs a command, which must end well; with a thirtieth of its epochs."""
    for name, flags in SHORT.items():
        if words[: len(name.split())] == name.split():
            words = words + [x for pair in flags.items() if pair[0] not in words for x in pair]
            epochs, warm_up = (words.index(x) + 1 for x in ("--epochs", "--warmup-epochs"))
            words[epochs] = str(-(-int(words[epochs]) // 30))
            words[warm_up] = "0"
    with pytest.MonkeyPatch.context() as patch:
        if words[0] == "keras-vit":
            patch.setattr("sys.argv", words)
            ended(main)
        elif words[:2] == ["python", "-m"]:
            patch.setattr("sys.argv", words[2:])
            patch.delitem(sys.modules, words[2], raising=False)  # another test may have loaded it
            ended(runpy.run_module, words[2], run_name="__main__")
        elif shutil.which(words[0]) or words[0] != "curl":
            subprocess.run(words, check=True)
        else:
            ask(words[-1], *words[1:-1])


def ask(address, *flags):
    """Does what curl would."""
    data = [x for flag, x in zip(flags, flags[1:], strict=False) if flag in ("-d", "--data-binary")]
    body = Path(data[0].removeprefix("@")).read_bytes() if data else None
    urllib.request.urlopen(address, body).close()


def ended(program, *arguments, **options):
    try:
        program(*arguments, **options)
    except SystemExit as stop:
        assert not stop.code, stop.code


def files_named(page):
    """Lists the files that a page says were written."""
    return re.findall(r"`((?:runs|saved_models|report)/[\w./-]+)`", page.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [READMES[0], *GUIDES], ids=lambda page: page.stem)
def test_whoever_follows_a_page_gets_what_it_says(place, page):
    names = follow(page)
    assert all((place / name).exists() for name in files_named(page))
    if page.stem == "hugging_face_to_phone":
        answers = [json.loads(line) for line in (place / "answers.jsonl").read_text().splitlines()]
        assert len(answers) == 4
        for row in answers:
            given = {each["name"]: each["probability"] for each in row["classes"]}
            assert names["answer"](row["image"]) == pytest.approx(given, abs=1e-6)


RULES = [
    dict(image_size=[7, 10], crop_ratio=ratio, fit=fit, interpolation=kernel, crop_offset=offset)
    for ratio in (0.875, 1.0)
    for fit in FITS
    if fit != "keep"  # of models that enlarge pictures
    for kernel in INTERPOLATIONS
    for offset in OFFSETS
]


def test_a_phone_sees_the_pixels_that_we_see(tmp_path):
    page = next(page for page in GUIDES if page.stem == "hugging_face_to_phone")
    names, rng = {}, np.random.default_rng(0)
    (code,) = (block.code for block in blocks(page) if "def prepare" in block.code)
    exec(compile(code, page.name, "exec"), names)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for size, mode in (((30, 41), "RGB"), ((41, 30), "RGBA"), ((13, 12), "L"), ((50, 9), "P")):
        pixels = rng.integers(0, 256, (*size, len(Image.new(mode, (1, 1)).getbands())))
        path = tmp_path / f"{mode}.{'jpg' if mode == 'RGB' else 'png'}"
        picture = Image.fromarray(pixels.astype("uint8").squeeze())
        (picture.convert(mode) if mode == "P" else picture).save(path, exif=exif)
        for rule in RULES:
            names["rule"] = rule
            expected = read_image(path, Preprocessing.from_json(rule))
            np.testing.assert_array_equal(names["prepare"](path), expected)
