"""Our client against a server that others wrote: kserve, which speaks the same V1 protocol.

    python -m venv kserve && kserve/bin/pip install kserve ai-edge-litert pillow
    KERAS_VIT_KSERVE=kserve/bin/python pytest tests/serve/test_kserve.py

kserve has an environment of its own: it does not fit beside TensorFlow.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from servers import running

from keras_vit.inference import open_artefact
from keras_vit.serve.connect import connect

PYTHON = os.environ.get("KERAS_VIT_KSERVE")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="KERAS_VIT_KSERVE names no Python that has kserve"
)


@pytest.fixture
def address(tiny):
    program = Path(__file__).with_name("kserve_program.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def is_ready(client):
        return client.get("/v1/models/tiny").json().get("ready")

    with running([PYTHON, program, tiny.litert], is_ready, env=environment) as client:
        yield str(client.base_url.join("/v1/models/tiny"))


def test_our_client_is_answered_by_kserve(tmp_path, tiny, address):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype("uint8")
    pictures = []
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        pictures.append((tmp_path / f"{number}.png").read_bytes())
    artefact = open_artefact(tiny.litert)
    expected = artefact.predict(images[..., None])
    ask, describe = connect(address)
    assert describe(30) is None
    for answer, row in zip(ask(pictures, 30), expected, strict=True):
        assert answer["valid"]
        assert answer["classes"][0] == artefact.class_names[row.argmax()]
        np.testing.assert_allclose(answer["scores"], np.sort(row)[::-1], atol=1e-6)
    with pytest.raises(ValueError, match="answers 404"):
        connect(address + "s")[0](pictures, 30)
