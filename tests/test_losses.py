"""Losses of values and weights, each against numbers by hand or stock Keras."""

import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.losses import ValidCrossEntropy, WeightedCrossEntropy, WeightedLoss

VOID = 255
LOGITS = np.log(np.array([[[[1.0, 3], [1, 1]]], [[[3, 1], [1, 7]]]], "float32"))  # (2, 1, 2, 2)
LABELS = np.array([[[1, VOID]], [[0, 1]]])


def test_a_void_pixel_counts_nothing_by_hand():
    expected = -(np.log(3 / 4) + np.log(3 / 4) + np.log(7 / 8)) / 3
    loss = ValidCrossEntropy(ignore_class=VOID)
    assert float(loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(LABELS[..., None], LOGITS)) == pytest.approx(expected, rel=1e-6)


def test_a_class_of_twice_the_weight_counts_twice_by_hand():
    loss = ValidCrossEntropy(ignore_class=VOID, class_weights=[1, 2])
    expected = -(2 * np.log(3 / 4) + np.log(3 / 4) + 2 * np.log(7 / 8)) / 5
    assert float(loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-6)


def test_a_batch_of_void_has_a_loss_of_zero():
    assert float(ValidCrossEntropy(ignore_class=VOID)(np.full_like(LABELS, VOID), LOGITS)) == 0


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("axes", [None, (2,), (2, 1, 1), (2, 1, 2)])
def test_it_is_keras_own_with_ignore_class(reduction, axes):
    weights = None if axes is None else np.random.default_rng(0).random(axes).astype("float32")
    keras_weights = weights if axes != (2,) else weights[:, None, None]
    ours = ValidCrossEntropy(ignore_class=VOID, reduction=reduction)
    theirs = keras.losses.SparseCategoricalCrossentropy(True, VOID, reduction)
    if axes == (2, 1, 1) and reduction == "mean_with_sample_weight":
        keras_weights = np.broadcast_to(keras_weights, LABELS.shape)  # Keras sums them as they are
    expected = theirs(LABELS, LOGITS, keras_weights)
    np.testing.assert_allclose(ours(LABELS, LOGITS, weights), expected, rtol=1e-6)


class SquaresOfBoxes(WeightedLoss):
    """The squares of all tokens of a picture, divided by the number of boxes."""

    def values(self, y_true, y_pred):
        return keras.ops.sum(keras.ops.square(y_pred), axis=-1)

    def divisor(self, y_true):
        return y_true > 0


def test_what_is_counted_may_differ_from_what_has_a_value():
    boxes = np.array([[1, 2, 0, 0], [0, 0, 0, 0]])
    tokens = np.array([[1.0, 2, 3], [1, 0, 0]], "float32")
    assert float(SquaresOfBoxes()(boxes, tokens)) == (14 + 1) / 2


class Size(WeightedLoss):
    def values(self, y_true, y_pred):
        return keras.ops.abs(y_pred)


def test_without_weights_and_labels_each_example_counts_one():
    outputs = np.array([[1.0, 3], [5, 7]], "float32")
    assert float(Size()(None, outputs)) == 4
    assert float(Size()(None, outputs[:, 0])) == 3
    assert float(Size()(None, outputs, np.array([1, 0]))) == 1
    with_weights = Size(reduction="mean_with_sample_weight")
    assert float(with_weights(None, outputs, np.array([1, 0]))) == 2


def test_a_saved_configuration_is_the_same_loss():
    loss = ValidCrossEntropy(ignore_class=VOID, class_weights=[1, 2], from_logits=False)
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == loss.get_config()


def test_mistakes_are_sentences():
    with pytest.raises(UserError, match="must be one of sum_over_batch_size, .*received 'sum'"):
        ValidCrossEntropy(reduction="sum")

    class Wrong(SquaresOfBoxes):
        def weights(self, y_true):
            return keras.ops.ones((2, 2))

    with pytest.raises(UserError, match=r"the shape of its values, \(2, 3\): received \(2, 2\)"):
        Wrong()(LABELS, np.zeros((2, 3, 4)))
    with pytest.raises(UserError, match=r"must be `\(B, ...\)`: received one number"):
        Size()(None, 3.0)
    with pytest.raises(UserError, match=r"received the shapes \(2, 2\) and \(2,\)"):
        Size()(None, np.ones((2, 2)), np.ones((2, 2)))


def test_a_target_counts_what_it_sums_up_to():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(5, 3)), rng.dirichlet(np.ones(3), size=5)
    weights = np.array([0.0, 0.5, 1, 2, 4])
    each = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
    loss = WeightedCrossEntropy()
    found = loss(targets * weights[:, None], logits)
    np.testing.assert_allclose(found, np.sum(weights * np.asarray(each)) / 5, rtol=1e-6)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True)(targets, logits)
    np.testing.assert_allclose(loss(targets, logits), plain, rtol=1e-6)


def test_a_mixture_of_weighted_targets_is_the_mixture_of_their_losses():
    logits = np.array([[0.3, -1.0, 2.0]], "float32")
    one, two = np.array([[0.2, 0, 0]], "float32"), np.array([[0, 0.5, 2.5]], "float32")
    loss = WeightedCrossEntropy()
    expected = 0.3 * loss(one, logits) + 0.7 * loss(two, logits)
    np.testing.assert_allclose(loss(0.3 * one + 0.7 * two, logits), expected, rtol=1e-6)
