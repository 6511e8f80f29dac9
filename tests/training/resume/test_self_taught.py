"""Trainings that draw masks, or ask a teacher and a guide, go on bit for bit."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from resuming import KillAt, Killed

from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import Teacher, classifier, guide_of, guided, masked_autoencoder, taught
from keras_vit.tasks.patch_loss import PatchLoss
from keras_vit.tasks.teacher_loss import DistillationLoss
from keras_vit.training import Checkpoints, training_model

STEPS = 3  # an epoch
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype("float32")
LABELS = np.eye(3, dtype="float32")[np.arange(12) % 3]


def autoencoder():
    config = ViTConfig.of("mu/2", image_size=8)
    return masked_autoencoder(config, decoder_width=8, decoder_depth=1, decoder_heads=2)


def student():
    professor = classifier(vit("mu/4", image_size=8), 3)
    teacher = Teacher(functools.partial(professor, training=False), (8, 8, 3), 3)
    inputs = keras.Input((8, 8, 3))
    guide = guide_of(keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=2)(inputs)))
    return guided(taught(classifier(vit("mu/4", image_size=8, dropout=0.2), 3), teacher), guide)


def trained(build, loss, targets, folder, kill_at=None):
    keras.utils.set_random_seed(0)
    model = training_model(build())
    model.compile(keras.optimizers.AdamW(1e-2), loss)
    checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, every=1)
    step = checkpoints.restore(model)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, targets)).repeat().batch(4).skip(step)
    how = dict(epochs=3, initial_epoch=step // STEPS, steps_per_epoch=STEPS, shuffle=False)
    callbacks = [*([KillAt(kill_at)] if kill_at else []), checkpoints]
    try:
        model.fit(data, callbacks=callbacks, verbose=0, **how)
    except Killed:
        return None
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


@pytest.mark.slow
@pytest.mark.parametrize(
    "build, loss, targets",
    [(autoencoder, PatchLoss(2), IMAGES), (student, DistillationLoss(), LABELS)],
    ids=["autoencoder", "student"],
)
def test_a_killed_training_goes_on_bit_for_bit(build, loss, targets, tmp_path):
    whole = trained(build, loss, targets, tmp_path / "whole")
    assert trained(build, loss, targets, tmp_path / "killed", kill_at=5) is None
    resumed = trained(build, loss, targets, tmp_path / "killed")
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
