"""The page of `examples/web` in a headless browser, against Python's answer."""

import functools
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vit.export import export
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import classifier

WEB = Path(__file__).parents[2] / "examples" / "web"
NAMES = ["axolotl", "bee", "zebra", "wölf"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (WEB / "node_modules" / "@litertjs" / "core").exists(),
        reason="LiteRT.js is not installed: npm install --prefix examples/web",
    ),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    handler = functools.partial(Quiet, directory=WEB)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser, site):
    page = browser.new_page()
    page.goto(site)
    yield page
    page.close()


def exported(folder, channels=3, to="tflite-int8", **options):
    backbone = vit("mu/4", image_size=(16, 24), channels=channels)
    model = classifier(backbone, len(NAMES), class_names=NAMES)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.2 * rng.normal(size=weight.shape))
    (path,) = export(model, folder, to=(to,), **options)
    return path


def picture(folder, height, width, channels=3):
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, channels)).astype("uint8")
    image = Image.fromarray(small if channels == 3 else small[..., 0])
    path = folder / "picture.png"
    image.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def ask(page, model, image):
    page.set_input_files("#model", model)
    page.wait_for_function("document.getElementById('about').textContent !== ''")
    page.wait_for_selector("#for-picture:visible")
    page.set_input_files("#picture", image)
    page.wait_for_selector("#classes tr")
    names = page.eval_on_selector_all("#classes td:first-child", "all => all.map(x => x.innerText)")
    scores = page.eval_on_selector_all("#classes meter", "all => all.map(x => x.value)")
    return names, scores


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("height, width", [(16, 24), (61, 50), (12, 90), (10, 14)])
def test_the_browser_answers_as_python_does(tmp_path, page, height, width, interpolation):
    model = exported(
        tmp_path / "m", preprocessing=Preprocessing(crop_ratio=0.8, interpolation=interpolation)
    )
    image = picture(tmp_path, height, width)
    names, scores = ask(page, model, image)
    artefact = open_artefact(model)
    (expected,) = artefact.predict(artefact.read_image(image)[None])
    order = np.argsort(-expected)
    assert names == [NAMES[index] for index in order]
    np.testing.assert_allclose(scores, expected[order], atol=0.02)  # other kernels round otherwise
    seen = page.evaluate(
        "() => { const canvas = document.getElementById('seen');"
        "return Array.from(canvas.getContext('2d').getImageData(0, 0, 24, 16).data) }"
    )
    seen = np.array(seen).reshape(16, 24, 4)[..., :3]
    assert np.abs(seen - artefact.read_image(image).astype(int)).max() <= 1


def test_grey_models_take_grey_pictures_alone(tmp_path, page):
    model = exported(tmp_path / "m", channels=1)
    names, _ = ask(page, model, picture(tmp_path, 16, 24, channels=1))
    assert sorted(names) == sorted(NAMES)
    page.set_input_files("#picture", picture(tmp_path, 16, 24))
    page.wait_for_function("document.getElementById('error').textContent.includes('grey')")


def test_what_is_no_model_and_what_is_no_picture_is_said(tmp_path, page):
    (tmp_path / "x.tflite").write_bytes(b"\0\0\0\0TFL3 and nothing else")
    page.set_input_files("#model", tmp_path / "x.tflite")
    page.wait_for_function("document.getElementById('error').textContent.includes('no .tflite')")
    page.set_input_files("#model", exported(tmp_path / "m"))
    page.wait_for_selector("#for-picture:visible")
    page.set_input_files("#picture", tmp_path / "x.tflite")
    page.wait_for_function("document.getElementById('error').textContent.includes('no picture')")


def is_clear(page):
    return not page.query_selector("#classes tr") and not page.is_visible("#seen")


def test_another_model_takes_the_old_answer_off_the_page(tmp_path, page):
    """Whether it can be opened or not."""
    image = picture(tmp_path, 16, 24)
    ask(page, exported(tmp_path / "m"), image)
    grey = exported(tmp_path / "g", channels=1)
    page.set_input_files("#model", grey)
    page.wait_for_function("document.getElementById('classes').rows.length === 0")
    page.wait_for_selector("#for-picture:visible")
    assert is_clear(page) and page.inner_text("#time") == ""
    page.set_input_files("#picture", image)  # the new model's answer, not the old one's
    page.wait_for_function("document.getElementById('error').textContent.includes('grey')")
    ask(page, exported(tmp_path / "again"), image)
    (tmp_path / "x.tflite").write_bytes(b"no model")
    page.set_input_files("#model", tmp_path / "x.tflite")
    page.wait_for_function("document.getElementById('error').textContent.includes('no .tflite')")
    assert is_clear(page) and page.inner_text("#about") == ""
    assert not page.is_visible("#for-picture")


PIXELS = np.random.default_rng(0).integers(0, 256, (8, 16, 24, 3)).astype("uint8")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(dynamic_batch=True), "files of batch 1, not --dynamic-batch"),
        (dict(to="tflite-int8-full", calibration=PIXELS), "take another format"),
    ],
)
def test_files_that_litert_js_does_not_run_are_said(tmp_path, page, options, message):
    page.set_input_files("#model", exported(tmp_path / "m", **options))
    page.wait_for_function(f"document.getElementById('error').textContent.includes('{message}')")
