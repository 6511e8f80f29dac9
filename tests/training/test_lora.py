"""Low-rank adaptation: what is trained, what stays, and what is merged."""

import keras
import numpy as np
import pytest

from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import TrainingModel, adamw, add_lora, copy_merged

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(0, 256, (16, 8, 8, 3)).astype("uint8"), RNG.integers(0, 3, 16)


def build():
    keras.utils.set_random_seed(0)
    return classifier(vit("mu/4", image_size=8, depth=2), 3)


@pytest.mark.parametrize("on, kernels", [("qv", 2), pytest.param("all", 8, marks=pytest.mark.slow)])
def test_only_additions_and_head_are_trained_and_then_merged(tmp_path, on, kernels):
    model, before = build(), build()
    assert add_lora(model, rank=2, on=on) == kernels
    np.testing.assert_array_equal(model(IMAGES), before(IMAGES))  # an addition begins at zero
    trained = [weight.path for weight in model.trainable_weights]
    assert len(trained) == 2 * kernels + 2
    assert all("lora_kernel" in path or path.startswith("head/") for path in trained)

    training = TrainingModel(model.input, model.output)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    training.compile(adamw(0.05, weight_decay=0.1), loss, accumulation=2)
    losses = training.fit(IMAGES, LABELS, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]

    merged = build()
    copy_merged(training, merged)
    np.testing.assert_allclose(merged(IMAGES), training(IMAGES), atol=1e-5)
    changed = {
        weight.path
        for weight, old in zip(merged.weights, before.weights, strict=True)
        if (weight.numpy() != old.numpy()).any()
    }
    assert len(changed) == kernels + 2
    if on == "qv":
        kernel, old = (
            m.get_layer("block00").attention.qkv.kernel.numpy() for m in (merged, before)
        )
        same = (kernel == old).all(axis=0).reshape(3, -1)
        assert same[1].all() and not same[[0, 2]].any()

    model.save(tmp_path / "model.keras")  # as Keras merges it
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(IMAGES), merged(IMAGES), atol=1e-5)


def test_what_is_no_adaptation_is_refused():
    with pytest.raises(ValueError, match="at least 1: received rank=0"):
        add_lora(build(), rank=0)
    with pytest.raises(ValueError, match="qv or all: received 'k'"):
        add_lora(build(), rank=1, on="k")


def test_the_student_is_copied_and_not_the_teacher_inside_it():
    student, teacher, plain = build(), build(), build()
    for weight in teacher.weights:
        weight.assign(keras.ops.ones_like(weight))
    answers = teacher(student.input)
    copy_merged(TrainingModel(student.input, [student.output, answers]), plain)
    for weight, expected in zip(plain.weights, student.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_weights_whose_names_are_alike_are_not_guessed():
    def inner():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(3, name="a")(inputs), name="m")

    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = inner(), inner()

        def call(self, x):
            return self.left(x) + self.right(x)

    same, other = Both(), Both()
    same(np.ones((1, 3))), other(np.ones((1, 3)))
    with pytest.raises(ValueError, match="two of them are called m/a/kernel"):
        copy_merged(same, other)


def test_a_weight_that_was_not_trained_is_named():
    deeper = classifier(vit("mu/4", image_size=8, depth=3), 3)
    with pytest.raises(ValueError, match="has no weight block02/norm1/gamma of the shape"):
        copy_merged(build(), deeper)
