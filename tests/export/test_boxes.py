"""A model that answers with boxes is exported: suppression is part of every format."""

import numpy as np
import pytest
from random_models import randomised

from keras_vit.export import FORMATS, export
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import detection, detector, token_detector

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3)).astype("uint8")
LOOPED = ("tflite", "savedmodel", "tflite-float16", "tflite-int8", "onnx", "openvino")


def deployed():
    trained = randomised(detector(vit("mu/8", image_size=24), 2, width=8, depth=0))
    return detection(("cat", "dog"), threshold=0.1).deploy(trained)


@pytest.mark.slow  # tests/cli/test_detection_commands.py asks a file of LiteRT in the fast suite
def test_boxes_are_answered_in_every_format_without_calibration(tmp_path):
    names = [name for name in LOOPED if FORMATS[name].is_at_hand]
    model = deployed()
    expected = model(IMAGES.astype("float32"))
    for name, path in zip(names, export(model, tmp_path, to=tuple(names)), strict=True):
        artefact = open_artefact(path)
        assert artefact.task == "detection" and artefact.options == {"threshold": 0.1}
        answers = artefact.answer(IMAGES)
        near = 1e-5 if FORMATS[name].largest_loss is None else 0.01
        np.testing.assert_allclose(answers["scores"], expected["scores"], atol=near, err_msg=name)
        if near == 1e-5:
            np.testing.assert_array_equal(answers["classes"], expected["classes"])
            np.testing.assert_allclose(answers["boxes"], expected["boxes"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tflite-int8", "onnx"])  # the recipe's test exports others
def test_boxes_of_tokens_are_answered_in_these_formats_too(tmp_path, name):
    if not FORMATS[name].is_at_hand:
        pytest.skip(f"the extra [{FORMATS[name].extra}] is not installed")
    trained = randomised(token_detector(vit("mu/8", image_size=24, num_registers=3), 2))
    model = detection(("cat", "dog"), head="tokens").deploy(trained)
    (path,) = export(model, tmp_path, to=(name,))
    artefact = open_artefact(path)
    assert artefact.options == {"threshold": 0.5, "head": "tokens"}
    answers, expected = artefact.answer(IMAGES), model(IMAGES.astype("float32"))
    near = 1e-5 if FORMATS[name].largest_loss is None else 0.03
    np.testing.assert_allclose(answers["scores"], expected["scores"], atol=near)
    np.testing.assert_allclose(answers["boxes"], expected["boxes"], atol=100 * near)


@pytest.mark.slow
def test_calibration_of_a_loop_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="calibration take models without a loop"):
        export(deployed(), tmp_path, to=("tflite-int8-dense",), calibration=IMAGES)
