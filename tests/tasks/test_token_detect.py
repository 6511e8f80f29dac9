"""The detector by tokens: what it reads, what it answers, and what is deployed."""

import keras
import numpy as np
import pytest
from random_models import randomised

from keras_vit.models import vit
from keras_vit.tasks import deploy
from keras_vit.tasks.token_detect import answering_with_boxes, corners, parts, token_detector

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 16, 3)).astype("uint8")


def backbone(**options):
    return vit("mu/4", image_size=(8, 16), **{"num_registers": 3, "depth": 3, **options})


def test_registers_answer_with_boxes_within_the_unit_and_logits():
    model = randomised(token_detector(backbone(mid_positions=True), 2))
    answers = keras.ops.convert_to_numpy(model(IMAGES))
    assert answers.shape == (2, 1, 3, 2 + 4 + 2 + 1)
    size, boxes, logits = parts(answers)
    assert (size == [16, 8]).all() and logits.shape == (2, 1, 3, 2 + 1)
    assert (boxes > 0).all() and (boxes < 1).all()
    # Each register answers for itself.
    assert len(np.unique(answers[0, 0].round(4), axis=0)) == 3


def test_auxiliary_answers_come_first_and_share_the_perceptrons(tmp_path):
    plain = randomised(token_detector(backbone(), 2))
    model = token_detector(backbone(), 2, auxiliary=("block00", "block01"))
    own = {weight.path: weight for weight in plain.weights}
    for weight in model.weights:
        if weight.path in own:
            weight.assign(own.pop(weight.path))
    assert not own
    answers = keras.ops.convert_to_numpy(model(IMAGES))
    assert answers.shape == (2, 3, 3, 9)
    np.testing.assert_allclose(answers[:, 2:], plain(IMAGES), atol=1e-6)
    assert np.abs(answers[:, 0] - answers[:, 2]).max() > 0.01
    # What is deployed computes nothing that only auxiliary losses read.
    deployed = answering_with_boxes(model, ["a", "b"])
    assert not [layer.name for layer in deployed.layers if "auxiliary" in layer.name]
    assert len(deployed.weights) == len(plain.weights)
    deployed.save(tmp_path / "model.keras")
    again = deploy(keras.saving.load_model(tmp_path / "model.keras"))
    assert again.shapes == {"boxes": (None, 3, 4), "scores": (None, 3), "classes": (None, 3)}
    expected = deploy(answering_with_boxes(plain)).predict(IMAGES)
    for name, answer in again.predict(IMAGES).items():
        np.testing.assert_allclose(answer, expected[name], atol=1e-5)
    assert expected["classes"].dtype == "int32"


def test_corners_lie_around_the_middle():
    boxes = np.array([[0.5, 0.5, 1, 1], [0.25, 0.5, 0.5, 0.2]], "float32")
    np.testing.assert_allclose(corners(boxes), [[0, 0, 1, 1], [0, 0.4, 0.5, 0.6]], atol=1e-6)


@pytest.mark.parametrize(
    "options, arguments, message",
    [
        (dict(num_registers=0), dict(num_classes=2), "with registers: received none"),
        (dict(), dict(num_classes=0), "`num_classes` must be at least 1: received 0"),
        (dict(), dict(num_classes=1, auxiliary=["block07"]), "received .'block07', 'norm'."),
        (dict(final_norm=False), dict(num_classes=1), "`names` must be some of block00"),
    ],
)
def test_what_cannot_detect_is_refused(options, arguments, message):
    with pytest.raises(ValueError, match=message):
        token_detector(backbone(depth=1, **options), **arguments)
