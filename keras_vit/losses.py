"""Losses of values and weights, whose average over a batch is right however the batch is split.

Keras averages over the entries of a batch. A loss that counts only some of them (valid pixels,
boxes that are not padding) needs the number of these in the whole batch, which one replica or one
micro-batch does not know. `keras_vit.training.TrainingModel` adds it up before the forward pass.
"""

import keras
from keras import ops, tree

from keras_vit.errors import UserError

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


class WeightedLoss(keras.losses.Loss):
    """A loss `sum(values * weights) / sum(weights)`, with both sums over the whole batch.

    A subclass defines `values`, and `weights` where not all count alike. Pass it to `compile`
    as any other loss; for several outputs, in a list or a dictionary. With `TrainingModel` the
    gradient is that of the whole batch on any number of replicas and micro-batches. Where the
    weights of a batch are all zero, loss and gradient are zero. Do not call it inside another loss:
    there it would count only the part that it sees.

    `sample_weight`, `(B,)` or with the axes of the values, multiplies the values. As for Keras'
    own losses, `reduction="mean_with_sample_weight"` counts it in the divisor too.

    Args:
        name: Name of the loss.
        reduction: `"sum_over_batch_size"`, which Keras also calls `"mean"`, or
            `"mean_with_sample_weight"`.
        dtype: Type that the loss is computed in; `keras.config.floatx()` by default.

    Raises:
        ValueError: If the reduction is none of these.
    """

    supports_jit = True  # whether XLA can compile it, as layers say it

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if reduction not in REDUCTIONS:
            raise UserError(
                f"`reduction` of a WeightedLoss must be one of {', '.join(REDUCTIONS)}: received "
                f"{reduction!r}."
            )

    def values(self, y_true, y_pred):
        """Returns the loss of each entry, `(B, ...)`; finite also where the weight is zero.

        Args:
            y_true: Targets as the data holds them, `(B, ...)` or a structure of such tensors;
                `None` in a training without labels.
            y_pred: Outputs in the loss's own type, `(B, ...)` or a structure of such tensors.
        """
        raise NotImplementedError

    def weights(self, y_true):
        """Returns what each value counts, in the shape of the values.

        `None` means that each example counts one, by the mean of its values. Weights depend only
        on the targets, because they are added up before the forward pass.

        Args:
            y_true: Targets, as `values` takes them.
        """
        return None

    def divisor(self, y_true):
        """Returns what is summed to divide by, `(B, ...)`: the weights, unless it is overridden.

        Override it where something else is counted than what has a value: where `values` sums
        over all tokens of a picture, for example, and its boxes are counted.

        Args:
            y_true: Targets, as `values` takes them.

        Returns:
            A tensor of any shape `(B, ...)`; `None` counts the examples.
        """
        return self.weights(y_true)

    def count(self, y_true, sample_weight, examples):
        """Sums up what a batch, or a part of one, contributes to the divisor.

        Args:
            y_true: Targets, as `values` takes them.
            sample_weight: Weights `(B,)` or with more axes, or `None`.
            examples: The number of examples `B`, an integer `()`.

        Returns:
            The sum, `()`.
        """
        divisor = self._in_own_type(self.divisor(y_true), examples)
        if sample_weight is not None and self.reduction == "mean_with_sample_weight":
            divisor = divisor * self._spread(sample_weight, divisor)
        return ops.sum(divisor)

    def call(self, y_true, y_pred):
        return self.values(y_true, y_pred)

    def __call__(self, y_true, y_pred, sample_weight=None, *, count=None):
        """Computes the loss of a batch or of a part of one.

        Args:
            y_true: Targets, as `values` takes them.
            y_pred: Outputs, `(B, ...)` or a structure of such tensors.
            sample_weight: Weights `(B,)` or with more axes, or `None`.
            count: What to divide by in place of the part's own `count`, `()`.

        Returns:
            A scalar. Under a strategy it is divided by the number of replicas, as every loss of
            Keras is.

        Raises:
            ValueError: If there is one value for a whole batch, or values and weights have
                different shapes, or sample weights have axes that the weights have not.
        """
        y_pred = tree.map_structure(lambda y: ops.convert_to_tensor(y, dtype=self.dtype), y_pred)
        values = ops.convert_to_tensor(self.values(y_true, y_pred), dtype=self.dtype)
        if len(values.shape) == 0:
            raise UserError(f"`values` of {self.name} must be `(B, ...)`: received one number.")
        examples = ops.shape(values)[0]
        weights = self.weights(y_true)
        if weights is None:
            values = ops.mean(values, axis=tuple(range(1, len(values.shape))))
        weights = self._like(self._in_own_type(weights, examples), values)
        if sample_weight is not None:
            weights = weights * self._spread(sample_weight, weights)
        if count is None:
            count = self.count(y_true, sample_weight, examples)
        loss = ops.divide_no_nan(ops.sum(values * weights), ops.cast(count, self.dtype))
        return _PerReplica(dtype=self.dtype)(loss, ops.expand_dims(loss, 0))

    def _in_own_type(self, weights, examples):
        """Returns the weights in the loss's type; `(B,)` ones for `None`."""
        if weights is None:
            return ops.ones((examples,), self.dtype)
        return ops.cast(weights, self.dtype)

    def _like(self, weights, values):
        """Returns the weights in the shape of the values; a last axis of 1 may be too many."""
        if len(weights.shape) == len(values.shape) + 1 and weights.shape[-1] == 1:
            weights = ops.squeeze(weights, -1)
        pairs = zip(weights.shape, values.shape, strict=False)
        if len(weights.shape) != len(values.shape) or any(
            None not in pair and pair[0] != pair[1] for pair in pairs
        ):
            raise UserError(
                f"`weights` of {self.name} must have the shape of its values, "
                f"{tuple(values.shape)}: received {tuple(weights.shape)}."
            )
        return weights

    def _spread(self, sample_weight, weights):
        """Returns sample weights with as many axes as the weights."""
        sample_weight = ops.cast(sample_weight, self.dtype)
        if len(sample_weight.shape) == len(weights.shape) + 1 and sample_weight.shape[-1] == 1:
            sample_weight = ops.squeeze(sample_weight, -1)
        missing = len(weights.shape) - len(sample_weight.shape)
        if missing < 0:
            raise UserError(
                f"`sample_weight` must not have more axes than what {self.name} counts: received "
                f"the shapes {tuple(sample_weight.shape)} and {tuple(weights.shape)}."
            )
        return ops.reshape(sample_weight, (*ops.shape(sample_weight), *missing * [1]))


@keras.saving.register_keras_serializable("keras_vit")
class ValidCrossEntropy(WeightedLoss):
    """Cross-entropy of labels `(B, ...)` and outputs `(B, ..., K)`, over the valid labels.

    Args:
        ignore_class: The label of entries that do not count, such as 255 for void pixels; `None`
            if all count.
        class_weights: What an entry of each class counts, `K` numbers; `None` if all count alike.
        from_logits: Whether the outputs are logits, not probabilities.
        name: As `WeightedLoss` takes it.
        reduction: As `WeightedLoss` takes it.
        dtype: As `WeightedLoss` takes it.
    """

    def __init__(
        self,
        *,
        ignore_class=None,
        class_weights=None,
        from_logits=True,
        name="valid_cross_entropy",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.ignore_class = ignore_class
        self.class_weights = None if class_weights is None else list(map(float, class_weights))
        self.from_logits = from_logits

    def values(self, y_true, y_pred):
        labels, _ = self._labels(y_true)
        if len(labels.shape) == len(y_pred.shape):  # (B, ..., 1)
            labels = ops.squeeze(labels, -1)
        return ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=self.from_logits)

    def weights(self, y_true):
        labels, is_valid = self._labels(y_true)
        weights = ops.cast(is_valid, self.dtype)
        if self.class_weights is not None:
            weights *= ops.take(ops.convert_to_tensor(self.class_weights, self.dtype), labels)
        return weights

    def _labels(self, y_true):
        """Returns integer labels, 0 where they are void, and whether they are valid."""
        labels = ops.cast(y_true, "int32")
        if self.ignore_class is None:
            return labels, ops.ones_like(labels, dtype="bool")
        is_valid = ops.not_equal(labels, self.ignore_class)
        return ops.where(is_valid, labels, 0), is_valid

    def get_config(self):
        return super().get_config() | dict(
            ignore_class=self.ignore_class,
            class_weights=self.class_weights,
            from_logits=self.from_logits,
        )


@keras.saving.register_keras_serializable("keras_vit")
class WeightedCrossEntropy(WeightedLoss):
    """Cross-entropy of logits and targets `(B, K)`, each of which counts what it sums up to.

    The loss of a batch is divided by the number of its examples, so that its mean over batches is
    that over all examples. A mixture of two targets is the same mixture of their losses.
    """

    def values(self, y_true, y_pred):
        shares = ops.divide_no_nan(y_true, ops.sum(y_true, axis=-1, keepdims=True))
        return ops.categorical_crossentropy(shares, y_pred, from_logits=True)

    def weights(self, y_true):
        return ops.sum(y_true, axis=-1)

    def divisor(self, y_true):
        return None


class _PerReplica(keras.losses.Loss):
    """Divides a loss `(1,)` by the number of replicas, through Keras' own reduction."""

    def call(self, y_true, y_pred):
        return y_pred
