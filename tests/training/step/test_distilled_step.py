"""A step of distillation means the same on one replica and on two, micro-batches or not."""

import functools

import keras
import numpy as np
import pytest
from replicas import batches, strategy_of

from keras_vit.models import vit
from keras_vit.tasks import Teacher, classifier, distillation, guide_of, guided, taught
from keras_vit.training import training_model

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3)).astype("float32")
LABELS = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 0]]
NAMES = ("ape", "bee", "cow")


def cnn():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for _ in range(2):
        x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    return keras.Model(inputs, x)


def trained(replicas, accumulation, hard, follows=False):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        professor = classifier(vit("mu/4", image_size=8), 3)
        student = classifier(
            vit("mu/4", image_size=8, depth=2, distillation_token=True), 3, distillation_head=True
        )
        rng = np.random.default_rng(1)
        for weight in professor.trainable_weights:
            weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
        teacher = Teacher(functools.partial(professor, training=False), (8, 8, 3), 3)
        graph = taught(student, teacher)
        model = training_model(guided(graph, guide_of(cnn()), weight=0.1) if follows else graph)
        loss = distillation(NAMES, hard=hard, share=0.7, temperature=2.0).loss()
        model.compile(keras.optimizers.SGD(0.5), loss, accumulation=accumulation)
    model.fit(batches(IMAGES, LABELS, 8), steps_per_epoch=2, shuffle=False, verbose=0)
    return [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "hard, follows",
    [(True, False), pytest.param(False, False, marks=SLOW), pytest.param(True, True, marks=SLOW)],
)
def test_replicas_and_micro_batches_change_nothing(hard, follows):
    """Of a teacher's answers, and of a guide's maps."""
    expected = trained(1, 1, hard, follows)
    for found in (trained(2, 1, hard, follows), trained(1, 2, hard, follows)):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
