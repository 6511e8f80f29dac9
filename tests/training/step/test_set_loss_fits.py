"""A detector by tokens in `fit`: SciPy matches inside of the compiled step."""

import keras
import numpy as np
import pytest

from keras_vit.models import vit
from keras_vit.tasks.set_loss import SetPredictionLoss
from keras_vit.tasks.token_detect import token_detector
from keras_vit.training import adamw, choose_xla, training_model


def pictures(count, size=16):
    """Draws a bright rectangle on each picture, of one of two colours, and the box around it."""
    rng = np.random.default_rng(0)
    images, targets = np.zeros((count, size, size, 3), "uint8"), np.full((count, 2, 5), -1.0)
    for index in range(count):
        left, top = rng.integers(0, size // 2, 2)
        right, bottom = rng.integers(size // 2 + 1, size + 1, 2)
        images[index, top:bottom, left:right, index % 2] = 255
        targets[index, 0] = left, top, right, bottom, index % 2
    return images, targets.astype("float32")


def test_it_learns_and_says_that_xla_cannot_compile_it(capsys):
    images, targets = pictures(4)
    targets[1] = -1  # a picture without a box
    keras.utils.set_random_seed(0)
    backbone = vit("mu/8", image_size=16, num_registers=3, depth=1)
    model = training_model(token_detector(backbone, 2))
    # In two parts, which are matched apart and count as the whole batch.
    model.compile(adamw(3e-3, weight_decay=0.0), SetPredictionLoss(), accumulation=2)
    history = model.fit(images, targets, batch_size=4, epochs=8, shuffle=False, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert choose_xla("auto", model, None) is False
    assert "XLA is off: it cannot compile set_prediction." in capsys.readouterr().out
    with pytest.raises(ValueError, match="supports_jit=False in set_prediction"):
        model.compile("sgd", SetPredictionLoss(), jit_compile=True)
