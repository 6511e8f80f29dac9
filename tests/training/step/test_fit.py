"""What `model.fit` does with the pipeline, the optimizer and the callbacks together."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import Split, eval_batches, train_batches
from keras_vit.data.augment import random_affine
from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import Throughput, TrainingModel, WarmupSchedule, adamw

RNG = np.random.default_rng(0)
SPLIT = Split.in_memory(RNG.integers(0, 256, (20, 8, 8, 1)).astype("uint8"), RNG.integers(0, 3, 20))


def train():
    """Trains with every random layer at work; returns weights before and after, and history."""
    keras.utils.set_random_seed(1)
    backbone = vit(
        "mu/4", image_size=8, channels=1, dropout=0.1, attention_dropout=0.1, drop_path=0.2
    )
    plain = classifier(backbone, 3)
    model = TrainingModel(plain.input, plain.output)
    before = model.get_weights()
    model.compile(
        adamw(WarmupSchedule(1e-2, total_steps=10, warmup_steps=2), weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    batches = train_batches(
        SPLIT,
        batch_size=4,
        seed=1,
        augment=functools.partial(random_affine, degrees=20),
    )
    history = model.fit(
        batches,
        epochs=2,
        steps_per_epoch=5,
        verbose=0,
        shuffle=False,
        callbacks=[Throughput(batch_size=4)],
    )
    return before, model.get_weights(), history.history


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    (before, first, history), (_, second, again) = train(), train()
    assert history["loss"] == again["loss"]
    for start, left, right in zip(before, first, second, strict=True):
        np.testing.assert_array_equal(left, right)
        assert (left != start).any()
    assert len(history["images_per_second"]) == 2
    assert all(value > 0 for value in history["images_per_second"])


@pytest.mark.slow
def test_two_devices_train_like_one():
    def weights(devices):
        keras.utils.set_random_seed(0)
        with devices.scope():
            plain = classifier(vit("mu/4", image_size=8, channels=1), 3)
            model = TrainingModel(plain.input, plain.output)
            model.compile(
                keras.optimizers.SGD(0.1),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=devices is mirrored,  # a rewritten graph answers as a plain one too
            )
        batches = train_batches(SPLIT, batch_size=4, seed=1)
        tests = eval_batches(SPLIT, batch_size=6)  # leaves a partial batch of two
        model.fit(batches, steps_per_epoch=8, validation_data=tests, verbose=0, shuffle=False)
        return model.get_weights()

    mirrored = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    for one, two in zip(weights(tf.distribute.get_strategy()), weights(mirrored), strict=True):
        np.testing.assert_allclose(two, one, atol=3e-5)  # sums in another order


def test_throughput_counts_images_between_the_first_and_last_step(monkeypatch):
    clock = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    callback, logs = Throughput(batch_size=6), {}
    callback.on_epoch_begin(0)
    for step in (1, 3, 5):  # as `steps_per_execution=2` counts them
        callback.on_train_batch_end(step)
    callback.on_epoch_end(0, logs)
    assert logs == {"images_per_second": 4 * 6 / 3.0}
