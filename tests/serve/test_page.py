"""The server's page in a headless browser."""

import numpy as np
import pytest
from PIL import Image
from servers import serving

from keras_vit.artefacts import open_artefact

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["saved_model", "litert"])
def site(request, tiny):
    with serving(getattr(tiny, request.param)) as client:
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
    rows = page.eval_on_selector_all("#classes li", "all => all.map(x => x.innerText.split('\\n'))")
    names = ("nought", "one", "zwölf")
    assert [row[0] for row in rows] == [names[index] for index in order]
    shares = [float(row[-1].removesuffix(" %")) for row in rows]
    np.testing.assert_allclose(shares, 100 * expected[order], atol=0.06)
    # A LiteRT file has no signature that tells where it looks.
    assert page.is_visible("#map") == (site[0] == "saved_model")


def test_a_broken_picture_is_said(tmp_path, page):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing else")
    page.set_input_files("#file", tmp_path / "broken.png")
    page.wait_for_function("document.getElementById('error').textContent.includes('no picture')")
    assert not page.is_visible("#result")
