"""The server's page in a headless browser."""

import base64
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from exif_files import CASES, LONG, chunk, entry, tiff
from matplotlib import colormaps
from PIL import Image
from random_models import randomised
from servers import serving_file
from zoo import encode

from keras_vit.export import export
from keras_vit.images.decode import decode_picture
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import open_artefact
from keras_vit.inference.described import task_of
from keras_vit.interpret import attention_rollout, relevance
from keras_vit.models import vit
from keras_vit.tasks import answering, classifier, features
from keras_vit.tasks.palette import palette

pytestmark = pytest.mark.slow

PICTURE_JS = Path(__file__).parents[2] / "keras_vit" / "serve" / "picture.js"
HEATMAP_JS = PICTURE_JS.with_name("heatmap.js")
ENLARGE = """async ([url, rows]) => {
  const {colourOf, enlarged, scaled} = await import(url);
  const shades = isSigned => Array.from({length: 101}, (_, i) => colourOf(i / 100, isSigned));
  const halves = scaled([[0, 0], [0, 0]], true);
  return [Array.from(enlarged(rows, 12, 10)), scaled(rows), shades(), shades(true), halves];
}"""
MAP = """() => {
  const canvas = document.getElementById("map");
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
}"""
ROWS = "all => all.map(x => x.innerText.split('\\n'))"
DRAWN = """async name => {
  const picture = document.querySelector(`img[alt="${name}"]`);
  await picture.decode();
  const {naturalWidth: width, naturalHeight: height} = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(picture, 0, 0);
  return Array.from(context.getImageData(0, 0, width, height).data);
}"""
DECODE = """async ([url, content]) => {
  const {decode} = await import(url);
  const bytes = Uint8Array.from(atob(content), x => x.charCodeAt(0));
  const {pixels, height, width} = await decode(new Blob([bytes]));
  return {pixels: Array.from(pixels), height, width};
}"""
DROP = """content => {
  const bytes = Uint8Array.from(atob(content), x => x.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "black.png", {type: "image/png"}));
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer}));
}"""


def module(path):
    """The address from which a browser imports a file."""
    return f"data:text/javascript;base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.fixture(scope="module", params=["saved_model", "litert"])
def site(request, tiny):
    with serving_file(getattr(tiny, request.param)) as client:
        yield request.param, str(client.base_url)


@pytest.fixture
def page(browser, site):
    page = browser.new_page()
    page.goto(site[1])
    yield page
    page.close()


def test_a_picture_gets_its_classes_and_where_it_looks(tmp_path, tiny, site, page):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    page.set_input_files("#file", tmp_path / "digit.png")
    page.wait_for_selector("#result:visible")
    (expected,) = open_artefact(tiny.keras_file).predict(pixels[None, ..., None])
    order = np.argsort(-expected)
    rows = page.eval_on_selector_all("#classes li", ROWS)
    names = ("nought", "one", "zwölf")
    assert [row[0] for row in rows] == [names[index] for index in order]
    shares = [float(row[-1].removesuffix(" %")) for row in rows]
    np.testing.assert_allclose(shares, 100 * expected[order], atol=0.06)
    # A LiteRT file has no signature that tells where it looks.
    assert page.is_visible("#map") == (site[0] == "saved_model")
    if site[0] == "saved_model":
        model = keras.saving.load_model(tiny.keras_file)
        (looks,) = keras.ops.convert_to_numpy(attention_rollout(model)(pixels[None, ..., None]))
        drawn = page.evaluate(MAP)
        assert len(drawn["data"]) == 448 * 448 * 4
        shown = np.reshape(drawn["data"], (448, 448, 4)).astype(int)
        assert (shown[..., 3] == 255).all()
        # Smooth, and brightest where it looks most.
        assert np.abs(np.diff(shown[..., :3], axis=0)).max() < 16
        bright = shown[..., :3].sum(-1)
        side = 448 // len(looks)
        centres = bright[side // 2 :: side, side // 2 :: side]
        assert centres.argmax() == looks.argmax() and centres.argmin() == looks.argmin()
        assert page.inner_text("#meaning") == "where it looks (attention rollout)"
        opacity = "getComputedStyle(document.getElementById('map')).opacity"
        assert page.evaluate(opacity) == "0.5"
        page.locator("#opacity").fill("0.2")
        assert page.evaluate(opacity) == "0.2"


def test_a_map_with_negative_values_is_red_and_blue(tmp_path, browser):
    backbone = vit("mu/4", image_size=(16, 24), depth=2)
    model = randomised(classifier(backbone, 2, class_names=["<b>cat</b>", "$& dog"]))
    (path,) = export(model, tmp_path / "m", to="savedmodel", attention="relevance")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    with serving_file(path) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#result:visible")
        best, meaning = (page.inner_text(each) for each in ("#classes b", "#meaning"))
        drawn = page.evaluate(MAP)
        filtered = "getComputedStyle(document.getElementById('pixels')).filter"
        assert page.evaluate(filtered) == "grayscale(1)"
        page.close()
        described = client.get("/v1/models/m/metadata").json()
    assert described["attention"] == "relevance"
    assert meaning == f"red speaks for {best}, blue against it (relevance)"
    (speaks,) = keras.ops.convert_to_numpy(relevance(model)(pixels[None]))
    assert speaks.min() < 0 < speaks.max() and speaks.shape == (4, 6)
    shown = np.reshape(drawn["data"], (-1, 448, 4)).astype(int)
    centres = [
        ((np.arange(count) + 0.5) * side / count).astype(int)
        for count, side in zip(speaks.shape, shown.shape[:2], strict=True)
    ]
    red, _, blue, _ = np.moveaxis(shown[np.ix_(*centres)], -1, 0)
    is_clear = np.abs(speaks) > 0.1 * np.abs(speaks).max()
    np.testing.assert_array_equal(np.sign(red - blue)[is_clear], np.sign(speaks)[is_clear])
    assert np.ptp(np.sign(speaks)[is_clear]) == 2


def test_a_mask_is_drawn_over_the_picture_with_a_legend(tmp_path, browser, streets):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "street.png")
    artefact = open_artefact(streets)
    (mask,) = artefact.answer(pixels[None])["mask"]
    with serving_file(streets) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.set_input_files("#file", tmp_path / "street.png")
        page.wait_for_selector("#result:visible")
        drawn = {name: page.evaluate(DRAWN, name) for name in ("overlay", "mask")}
        labels = page.eval_on_selector_all("#classes b", "all => all.map(x => x.innerText)")
        colours = page.eval_on_selector_all(
            "#classes em", "all => all.map(x => getComputedStyle(x).backgroundColor)"
        )
        page.close()
    for name, expected in task_of(artefact, {}).show(pixels, {"mask": mask}).items():
        shown = np.reshape(drawn[name], (16, 24, 4))[..., :3]
        np.testing.assert_array_equal(shown, expected.convert("RGB"))
    seen = np.argsort(-np.bincount(mask.ravel(), minlength=3), kind="stable")[: len(labels)]
    assert labels == [artefact.class_names[index] for index in seen]
    assert colours == [f"rgb({r}, {g}, {b})" for r, g, b in palette(3)[seen]]


def test_the_numbers_of_an_unknown_task_are_listed(tmp_path, browser):
    backbone = features(vit("mu/8", image_size=16))
    answers = {"angle": keras.layers.Dense(1)(backbone.output), "all": backbone.output}
    model = answering(backbone.input, answers, "angle")
    (path,) = export(model, tmp_path / "m", to=("tflite",))
    Image.new("RGB", (16, 16)).save(tmp_path / "black.png")
    with serving_file(path) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.set_input_files("#file", tmp_path / "black.png")
        page.wait_for_selector("#result:visible")
        rows = page.eval_on_selector_all("#classes li", ROWS)
        page.close()
    (angle,) = open_artefact(path).answer(np.zeros((1, 16, 16, 3), "uint8"))["angle"][0]
    rows = dict(rows)
    assert rows["all"] == "32 numbers" and float(rows["angle[0]"]) == pytest.approx(angle, rel=1e-3)


@pytest.mark.parametrize(
    "interpolation, fit, offset",
    [("bicubic", "crop", "round"), ("bilinear", "squash", "floor"), ("bicubic", "keep", "round")],
)
def test_the_page_sees_the_pixels_that_python_sees(tmp_path, browser, interpolation, fit, offset):
    preprocessing = Preprocessing(
        crop_ratio=0.75, interpolation=interpolation, fit=fit, crop_offset=offset
    )
    model = classifier(vit("mu/4", image_size=(16, 24)), 3)
    (path,) = export(model, tmp_path / "m", to=("tflite",), preprocessing=preprocessing)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3)).astype("uint8")
    image = Image.fromarray(pixels).resize((83, 61), Image.Resampling.BICUBIC)
    stored = encode(image, "png")
    (tmp_path / "plain.png").write_bytes(stored)
    turned = stored[:33] + chunk(b"eXIf", tiff(">", [entry(">", 0x0112, 6, LONG)])) + stored[33:]
    (tmp_path / "turned.png").write_bytes(turned)
    with serving_file(path) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        for name in ("plain.png", "turned.png"):
            page.set_input_files("#file", tmp_path / name)
            page.wait_for_selector("#result:visible")
            seen = page.evaluate(MAP.replace('"map"', '"pixels"'))
            seen = np.reshape(seen["data"], (16, 24, 4))[..., :3].astype(int)
            expected = open_artefact(path).read_image(tmp_path / name).astype(int)
            assert np.abs(seen - expected).max() <= 1
        page.close()


def test_a_map_is_enlarged_smoothly_and_its_colours_grow_brighter(browser):
    rows = np.random.default_rng(0).random((3, 5))
    page = browser.new_page()
    found = page.evaluate(ENLARGE, [module(HEATMAP_JS), rows.tolist()])
    values, cut, colours, signed, halves = found
    page.close()
    expected = keras.ops.image.resize(rows[..., None].astype("float32"), (12, 10), "bilinear")
    np.testing.assert_allclose(np.reshape(values, (12, 10)), expected[..., 0], atol=1e-5)
    assert np.min(cut) == 0 and np.max(cut) == 1
    np.testing.assert_array_equal(np.argsort(cut, axis=None)[:10], np.argsort(rows, None)[:10])
    light = np.array(colours) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) > 0).all()
    expected = colormaps["coolwarm"](np.linspace(0, 1, 101))[:, :3]
    np.testing.assert_allclose(np.array(signed) / 255, expected, atol=0.05)
    assert halves == [[0.5, 0.5], [0.5, 0.5]]


def test_the_page_turns_a_picture_as_its_own_tag_says(browser):
    """Files made byte by byte, by the pages' decoder in this browser, against Pillow's pixels."""
    page = browser.new_page()
    url = module(PICTURE_JS)
    for name, (data, _) in CASES.items():
        seen = page.evaluate(DECODE, [url, base64.b64encode(data).decode()])
        expected = decode_picture(data)
        assert (seen["height"], seen["width"]) == expected.shape[:2], name
        difference = np.reshape(seen["pixels"], expected.shape) - expected.astype(int)
        assert np.abs(difference).max() <= 2, name
    page.close()


def test_a_picture_can_be_dropped(tmp_path, page):
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    content = base64.b64encode((tmp_path / "black.png").read_bytes()).decode()
    page.evaluate(DROP, content)
    page.wait_for_selector("#result:visible")


def test_nothing_covers_anything(tmp_path, page):
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    page.set_input_files("#file", tmp_path / "black.png")
    page.wait_for_selector("#result:visible")
    names = ("h1", "#drop", "#seen", "#classes")
    boxes = [page.locator(name).bounding_box() for name in names]
    for above, below in itertools.pairwise(boxes):
        assert above["y"] + above["height"] <= below["y"]


def test_a_broken_picture_is_said(tmp_path, page):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing else")
    page.set_input_files("#file", tmp_path / "broken.png")
    page.wait_for_function("document.getElementById('error').textContent.includes('no picture')")
    assert not page.is_visible("#result")
