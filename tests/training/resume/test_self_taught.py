"""Trainings that draw masks, or ask a teacher and a guide, go on bit for bit."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from resuming import KillAt, Killed

from keras_vit.images.view_sheet import ViewSheet
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import (
    Teacher,
    classifier,
    dino,
    guide_of,
    guided,
    lejepa,
    masked_autoencoder,
    self_distilled_views,
    sketched_views,
    taught,
)
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


SHEET = ViewSheet(size=4, count=2)
DINO = dino(SHEET, prototypes=6, steps=9, momentum=0.7, temperatures=(0.04, 0.08),
            warmup_steps=6, frozen_steps=2)  # fmt: skip
LEJEPA = lejepa(SHEET, width=4, together=4)


def self_distilled():
    config = ViTConfig.of("mu/2", image_size=4)
    sizes = dict(prototypes=6, hidden=8, bottleneck=5, frozen=True)
    return self_distilled_views(config, SHEET, **sizes, patch_dropout=0.5)


def sketched():
    config = ViTConfig.of("mu/2", image_size=4)
    sizes = dict(width=4, hidden=8, directions=6)
    return sketched_views(config, SHEET, **sizes, patch_dropout=0.5)


def trained(build, loss, targets, after_update, folder, kill_at=None):
    keras.utils.set_random_seed(0)
    model = training_model(build())
    model.compile(keras.optimizers.AdamW(1e-2), loss, after_update=after_update)
    checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, every=1)
    step = checkpoints.restore(model)
    images = IMAGES[:, : model.input_shape[1]]
    data = tf.data.Dataset.from_tensor_slices((images, targets)).repeat().batch(4).skip(step)
    how = dict(epochs=3, initial_epoch=step // STEPS, steps_per_epoch=STEPS, shuffle=False)
    callbacks = [*([KillAt(kill_at)] if kill_at else []), checkpoints]
    try:
        model.fit(data, callbacks=callbacks, verbose=0, **how)
    except Killed:
        return None
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


@pytest.mark.slow
@pytest.mark.parametrize(
    "build, loss, targets, after_update",
    [
        (autoencoder, PatchLoss(2), IMAGES, None),
        (student, DistillationLoss(), LABELS, None),
        (self_distilled, DINO.loss(), LABELS, DINO.after_update),
        (sketched, LEJEPA.loss(), LABELS, LEJEPA.after_update),
    ],
    ids=["autoencoder", "student", "dino", "lejepa"],
)
def test_a_killed_training_goes_on_bit_for_bit(build, loss, targets, after_update, tmp_path):
    """Weights include those of a teacher inside the model, its centre, and directions."""
    how = build, loss, targets, after_update
    whole = trained(*how, tmp_path / "whole")
    assert trained(*how, tmp_path / "killed", kill_at=5) is None
    resumed = trained(*how, tmp_path / "killed")
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
