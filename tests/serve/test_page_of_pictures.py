"""Boxes and enlarged pictures on the server's page, in a headless browser."""

import numpy as np
import pytest
from PIL import Image
from servers import serving_file

from keras_vit.images.decode import decode_picture
from keras_vit.inference import open_artefact
from keras_vit.tasks import super_resolution
from keras_vit.tasks.palette import palette

pytestmark = pytest.mark.slow
SIZE = {"height": 40, "width": 120}  # of the picture: three times as wide as high
BOXES = """all => all.map(box => {
  const [inner, outer] = [box, document.getElementById("picture")].map(
    each => each.getBoundingClientRect());
  const place = ["left", "top", "right", "bottom"].map((side, at) => at % 2
    ? (inner[side] - outer.top) / outer.height : (inner[side] - outer.left) / outer.width);
  return {place, colour: getComputedStyle(box).borderColor, text: box.title};
})"""
ROWS = "all => all.map(row => [...row.children].map(cell => cell.innerText))"
DRAWN = """async () => {
  const picture = document.querySelector("figure img");
  await picture.decode();
  const {naturalWidth: width, naturalHeight: height} = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(picture, 0, 0);
  return [height, width, Array.from(context.getImageData(0, 0, width, height).data)];
}"""
SCALE = "name => document.querySelector(name).getBoundingClientRect().width"
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE.values(), 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    return tmp_path / "wide.png"


@pytest.fixture
def opened(browser, picture):
    """Opens the page of a model in a window of some width, with the picture."""
    pages = []

    def opened(client, width=1000):
        page = browser.new_page(viewport={"width": width, "height": 800})
        pages.append(page)
        page.goto(str(client.base_url))
        page.set_input_files("#file", picture)
        page.wait_for_selector("#result:visible")
        return page

    yield opened
    for page in pages:
        page.close()


def test_boxes_are_drawn_and_listed_where_they_are_on_the_whole_picture(cats, picture, opened):
    artefact = open_artefact(cats)
    answer = {k: x[0] for k, x in artefact.answer(artefact.read_image(picture)[None]).items()}
    corners = answer["boxes"] * (5, 2.5, 5, 2.5)  # the model sees 24x16 pixels of 120x40
    with serving_file(cats) as client:
        for width in (1000, 320):
            page = opened(client, width)
            assert not page.evaluate(OVERFLOWS)
            shown = page.locator("#picture").bounding_box()
            assert shown["width"] / shown["height"] == pytest.approx(3, rel=0.02)
            for least in (0.5, 0.7):
                if least != 0.5:
                    page.locator("#threshold").fill(str(least))
                sure = answer["scores"] >= least
                drawn = page.eval_on_selector_all("#boxes div", BOXES)[::-1]
                places = np.array([box["place"] for box in drawn])
                assert len(places) == sure.sum() > 1
                shares = corners[sure] / (120, 40, 120, 40)
                np.testing.assert_allclose(places, shares, atol=0.01)
                red, green, blue = palette(2)[0]
                assert {box["colour"] for box in drawn} == {f"rgb({red}, {green}, {blue})"}
                rows = page.eval_on_selector_all("#rows tr", ROWS)
                assert [row[0] for row in rows] == ["cat"] * len(drawn)
                listed = np.array([row[1:] for row in rows], float)
                np.testing.assert_allclose(listed[:, 0], answer["scores"][sure], atol=6e-4)
                np.testing.assert_allclose(listed[:, 1:], corners[sure], atol=0.51)
                assert drawn[0]["text"] == f"cat {answer['scores'][0]:.2f}"
        # The slider stays where it was put, whatever comes next.
        page.set_input_files("#file", picture)
        page.wait_for_selector("#result:visible")
        assert page.locator("#rows tr").count() == sure.sum()
        assert not page.is_visible("#seen") and not page.is_visible("#classes li")


def test_a_row_under_the_pointer_marks_its_box(cats, opened):
    with serving_file(cats) as client:
        page = opened(client)
        page.hover("#rows tr:nth-child(2)")
        assert page.locator("#boxes .marked").count() == 1
        assert "marked" in page.locator("#boxes div:nth-last-child(2)").get_attribute("class")
        page.hover("h1")
        assert page.locator("#boxes .marked").count() == 0


def test_an_enlarged_picture_is_shown_beside_the_picture(doubler, picture, opened):
    artefact = open_artefact(doubler)
    whole = decode_picture(picture)
    large = super_resolution(2).whole(artefact.answer, artefact.image_shape, whole)["image"]
    with serving_file(doubler) as client:
        page = opened(client)
        height, width, drawn = page.evaluate(DRAWN)
        assert (height, width) == (80, 240)
        np.testing.assert_array_equal(np.reshape(drawn, (80, 240, 4))[..., :3], large)
        small = page.locator("#picture").bounding_box()
        assert page.locator("figure img").bounding_box()["width"] == small["width"]
        with page.expect_download() as download:
            page.click("figcaption a")
        assert download.value.suggested_filename == "wide-x2.png"
        # Both are magnified at one place.
        page.hover("#whole .frame")
        for name in ("#picture", "figure img"):
            assert page.evaluate(SCALE, name) == pytest.approx(2 * small["width"], rel=0.01)
        page.hover("h1")
        assert page.evaluate(SCALE, "#picture") == pytest.approx(small["width"])
