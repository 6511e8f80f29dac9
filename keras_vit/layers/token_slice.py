"""Some of the tokens, for heads that read more than one."""

import keras

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class TokenSlice(keras.layers.Layer):
    """Selects neighbouring tokens of `(B, T, D)` as `(B, count, D)`; has no weights.

    Args:
        start: Index of the first one.
        count: How many are selected.

    Raises:
        ValueError: If `start` is below 0, `count` below 1, or there are too few tokens.
    """

    def __init__(self, start, *, count, **kwargs):
        super().__init__(**kwargs)
        if start < 0 or count < 1:
            raise UserError(
                "`start` must be at least 0 and `count` at least 1: received "
                f"start={start}, count={count}."
            )
        self.start = start
        self.count = count

    def call(self, tokens):
        if self.start + self.count > tokens.shape[1]:
            raise UserError(
                f"There must be {self.start + self.count} tokens: received {tokens.shape[1]}."
            )
        return tokens[:, self.start : self.start + self.count]
