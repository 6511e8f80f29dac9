"""What the server shows of a picture with a hole."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from servers import serving_here

from keras_vit.images.holes import with_alpha
from keras_vit.inference import Artefact
from keras_vit.serve.app import create_app
from keras_vit.serve.model import ServedModel, signatures_of_pixels
from keras_vit.tasks.simple_fills import mean_fill

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype="uint8")
MISSING = np.zeros((40, 30), bool)
MISSING[5:12, 8:20] = True


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def client():
    """Serves a model that fills holes with the mean of what is known."""
    artefact = Artefact("fill", (16, 16, 4), None, mean_fill, task="inpainting")
    model = ServedModel("fill", "1", "none", *signatures_of_pixels(artefact), artefact)
    with serving_here(create_app(model)) as client:
        yield client


def test_what_is_transparent_is_filled(client):
    shown = client.post("/show", content=png(with_alpha(PICTURE, MISSING))).json()
    assert shown["rows"] == [{"name": "30 x 40 pixels"}]
    _, content = shown["pictures"]["filled"].split(",")
    filled = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(filled[~MISSING], PICTURE[~MISSING])
    assert (filled[MISSING] != PICTURE[MISSING]).any(-1).mean() > 0.9


def test_a_picture_without_a_hole_is_refused_in_a_sentence(client):
    reply = client.post("/show", content=png(PICTURE))
    assert reply.status_code == 400
    assert "The picture has no hole" in reply.json()["error"]


def test_pictures_are_sent_as_pixels_to_predict(client):
    body = {"signature_name": "serve_bytes", "instances": [{"b64": "AAAA"}]}
    reply = client.post("/v1/models/fill:predict", json=body)
    assert reply.status_code == 400 and "serve_bytes" in reply.json()["error"]
    image = with_alpha(PICTURE[:16, :16], MISSING[:16, :16])
    reply = client.post("/v1/models/fill:predict", json={"instances": [image.tolist()]})
    np.testing.assert_array_equal(reply.json()["predictions"], mean_fill(image[None])["image"])
