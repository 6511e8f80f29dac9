"""Losses of values and weights: replicas and micro-batches give the gradient of the whole batch."""

import functools

import keras
import numpy as np
import pytest
from replicas import cross_entropy, strategy_of, untuned, weights_of

from keras_vit.errors import UserError
from keras_vit.losses import ValidCrossEntropy, WeightedCrossEntropy, WeightedLoss
from keras_vit.training import TrainingModel, WatchFinite

pytestmark = pytest.mark.usefixtures("free_memory")

VOID = 255
SPARSE = functools.partial(keras.losses.SparseCategoricalCrossentropy, True, ignore_class=VOID)
FUNCTION = functools.partial(
    keras.losses.sparse_categorical_crossentropy, from_logits=True, ignore_class=VOID
)


def pictures(count=20):
    """Five features and six pixels of three classes; of each eight, the last four have one pixel.

    The last micro-batch of two has none.
    """
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(count, 5)), rng.integers(0, 3, (count, 6))
    for first in range(0, count, 8):
        mask[first + 4 : first + 6, 1:] = VOID
        mask[first + 6 : first + 8] = VOID
    return x, mask


def two_outputs(model_class):
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, activation="tanh")(inputs)
    mask = keras.layers.Reshape((6, 3), name="mask")(keras.layers.Dense(18)(hidden))
    return model_class(inputs, {"mask": mask, "kind": keras.layers.Dense(3, name="kind")(hidden)})


def one_output(model_class):
    model = two_outputs(keras.Model)
    return model_class(model.input, model.output["mask"])


def trained(build, model_class, loss, data, replicas=1, batch_size=8, **kwargs):
    keras.utils.set_random_seed(0)
    kwargs.setdefault("jit_compile", False)
    kwargs.setdefault("run_eagerly", model_class is keras.Model)  # which need not be traced
    with strategy_of(replicas).scope():
        model = build(model_class)
        model.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.5), loss, **kwargs)
    batches = untuned(data, batch_size)  # the last holds four
    fit = model.fit(batches, epochs=2, verbose=0, shuffle=False, validation_data=batches)
    return weights_of(model), fit.history


def compare(actual, expected):
    np.testing.assert_allclose(actual[0], expected[0], atol=1e-7, rtol=0)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(actual[1][name], expected[1][name], atol=1e-7, err_msg=name)


def masks(model_class, loss, *args, **kwargs):
    return trained(one_output, model_class, loss, pictures(), *args, **kwargs)


@functools.cache
def stock(reduction="sum_over_batch_size"):
    """Stock Keras on one device."""
    return masks(keras.Model, SPARSE(reduction=reduction))


@pytest.mark.parametrize(
    "loss, replicas, accumulation",
    [
        (SPARSE(), 2, 2),
        pytest.param(SPARSE(), 1, 2, marks=pytest.mark.slow),
        pytest.param(FUNCTION, 2, 1, marks=pytest.mark.slow),
        pytest.param(ValidCrossEntropy(ignore_class=VOID), 1, 1, marks=pytest.mark.slow),
        pytest.param(ValidCrossEntropy(ignore_class=VOID), 2, 1, marks=pytest.mark.slow),
        pytest.param(ValidCrossEntropy(ignore_class=VOID), 1, 4, marks=pytest.mark.slow),
    ],
)
def test_void_pixels_count_nothing_however_a_batch_is_split(float64, loss, replicas, accumulation):
    compare(masks(TrainingModel, loss, replicas, accumulation=accumulation), stock())


def many(loss_class=TrainingModel, *args, count=20, **kwargs):
    """Trains on pixels by class and kinds, beside each other, with weights of all sorts."""
    x, mask = pictures(count)
    kind = np.eye(3)[mask[:, 0] % 3]
    losses = {
        "mask": ValidCrossEntropy(ignore_class=VOID, class_weights=[1, 2, 0.5]),
        "kind": cross_entropy(),
    }
    data = x, {"mask": mask, "kind": kind}, np.linspace(0, 2, len(x))
    kwargs["loss_weights"] = {"mask": 0.7, "kind": 0.2}
    return trained(two_outputs, loss_class, losses, data, *args, **kwargs)


@functools.cache
def stock_of_many(count):
    return many(keras.Model, count=count)


@pytest.mark.parametrize(
    "replicas, accumulation, jit_compile, count",
    [
        (1, 2, False, 20),
        pytest.param(2, 2, False, 20, marks=pytest.mark.slow),
        # Whole batches: each size is traced and compiled by itself.
        pytest.param(2, 2, True, 16, marks=pytest.mark.slow),
    ],
)
def test_each_of_several_losses_divides_by_its_own_weights(
    float64, replicas, accumulation, jit_compile, count
):
    how = dict(accumulation=accumulation, jit_compile=jit_compile, count=count)
    actual = many(TrainingModel, replicas, **how)
    compare(actual, stock_of_many(count))
    for name in ("", "val_"):  # stock Keras averages the two over batches of any size alike
        mask, kind = (np.array(actual[1][f"{name}{each}_loss"]) for each in ("mask", "kind"))
        np.testing.assert_allclose(actual[1][f"{name}loss"], 0.7 * mask + 0.2 * kind, rtol=1e-12)


def test_a_step_is_what_is_computed_by_hand(float64):
    """One weight, squares over valid entries: the gradient is 2 sum(w * x * (x - y)) / sum(w)."""

    class Squares(WeightedLoss):
        def values(self, y_true, y_pred):
            return keras.ops.square(y_pred - y_true[..., 0])

        def weights(self, y_true):
            return y_true[..., 1]

    x = np.array([[1.0], [2.0], [3.0], [4.0]])
    y = np.array([[[0.0, 1]], [[1, 3]], [[5, 0.5]], [[7, 0]]])
    with strategy_of(2).scope():
        inputs = keras.Input((1,))
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        model = TrainingModel(inputs, layer(inputs))
        model.compile(keras.optimizers.SGD(0.1), Squares(), accumulation=2)
    logs = model.fit(x, y, batch_size=4, verbose=0).history
    loss = (1 * 1 + 3 * 1 + 0.5 * 4) / 4.5
    gradient = 2 * (1 * 1 * 1 + 3 * 2 * 1 + 0.5 * 3 * -2) / 4.5
    np.testing.assert_allclose(logs["loss"], loss, rtol=1e-12)
    np.testing.assert_allclose(weights_of(model), 1 - 0.1 * gradient, rtol=1e-12)


def test_a_batch_of_void_changes_nothing():
    x, mask = pictures(8)
    model = one_output(TrainingModel)
    model.compile("sgd", ValidCrossEntropy(ignore_class=VOID), accumulation=2)
    before = weights_of(model)
    logs = model.fit(x, np.full_like(mask, VOID), batch_size=8, verbose=0).history
    assert logs["loss"] == [0.0] and int(model.skipped_steps.numpy()) == 0
    np.testing.assert_array_equal(weights_of(model), before)


@pytest.mark.slow
def test_a_label_that_is_neither_a_class_nor_void_is_named():
    model = one_output(TrainingModel)
    model.compile("sgd", ValidCrossEntropy(ignore_class=VOID), jit_compile=True)
    x, mask = pictures(8)
    mask[0, 0] = 7
    with pytest.raises(UserError, match=r"must lie in \[0, 3\): received 7"):
        model.fit(x, mask, batch_size=8, verbose=0, callbacks=[WatchFinite()])


@pytest.mark.slow
def test_weights_of_examples_count_in_the_divisor_too(float64):
    x, mask = pictures()
    sample_weight = np.random.default_rng(1).random(mask.shape)
    sample_weight[4:8] /= 10

    def run(model_class, loss, *args, **kwargs):
        data = x, mask, sample_weight
        return trained(one_output, model_class, loss, data, *args, **kwargs)

    expected = run(keras.Model, SPARSE(reduction="mean_with_sample_weight"))
    for loss in (
        SPARSE(reduction="mean_with_sample_weight"),
        ValidCrossEntropy(ignore_class=VOID, reduction="mean_with_sample_weight"),
    ):
        compare(run(TrainingModel, loss, 2, accumulation=2), expected)


@pytest.mark.slow
def test_a_scaled_loss_in_float16_is_the_loss():
    expected = masks(keras.Model, SPARSE())
    keras.config.set_dtype_policy("mixed_float16")
    try:
        actual = masks(TrainingModel, ValidCrossEntropy(ignore_class=VOID), 2, accumulation=2)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(actual[0], expected[0], atol=0.01)
    np.testing.assert_allclose(actual[1]["loss"], expected[1]["loss"], atol=0.01)


@pytest.mark.slow
def test_a_compiled_model_keeps_its_losses(tmp_path):
    model = one_output(TrainingModel)
    loss = ValidCrossEntropy(ignore_class=VOID, class_weights=[1, 2, 3])
    model.compile("sgd", loss, accumulation=2)
    x, mask = pictures(8)
    model.fit(x, mask, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.evaluate(x, mask, verbose=0) == model.evaluate(x, mask, verbose=0)


@pytest.mark.parametrize(
    "replicas, accumulation", [(1, 2), pytest.param(2, 2, marks=pytest.mark.slow)]
)
def test_weighted_classes_count_alike_however_a_batch_is_split(float64, replicas, accumulation):
    """Keras' own sample weights on one device are the reference: it divides by the examples."""

    def kinds(model_class):
        inputs = keras.Input((5,))
        return model_class(inputs, keras.layers.Dense(3)(inputs))

    x, _ = pictures()
    labels = np.random.default_rng(2).integers(0, 3, len(x))
    weights = np.array([0.2, 1.0, 5.0])[labels]
    targets = np.eye(3)[labels]
    plain = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = trained(kinds, keras.Model, plain, (x, targets, weights))
    actual = trained(
        kinds,
        TrainingModel,
        WeightedCrossEntropy(),
        (x, targets * weights[:, None]),
        replicas,
        accumulation=accumulation,
    )
    compare(actual, expected)
