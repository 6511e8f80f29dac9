"""Averages of the weights (EMA): validation scores the averages, which `fit` saves at its end."""

import contextlib

import keras
from keras import tree

from keras_vit.errors import UserError
from keras_vit.keras_private import averages


class ShownAverages:
    """Exchanges the weights of a model for their averages, and back, bit for bit.

    Args:
        optimizer: A built `keras.optimizers.Optimizer`; a `MultiOptimizer` too.
    """

    def __init__(self, optimizer):
        self._optimizers = getattr(optimizer, "optimizers", [optimizer])
        self._are_shown = False

    def show(self):
        """Makes the averages the weights of the model; does nothing where they already are."""
        if not self._are_shown:
            self._swap()

    def hide(self):
        """Restores the model's own weights; does nothing where it has them."""
        if self._are_shown:
            self._swap()

    def _swap(self):
        for optimizer in self._optimizers:
            if optimizer.built and has_stepped(optimizer):
                for variable, average in averages(optimizer):
                    kept = keras.ops.convert_to_numpy(variable)
                    variable.assign(average)
                    average.assign(kept)
        self._are_shown = not self._are_shown


def has_stepped(optimizer):
    """Returns whether `optimizer`, or one inside a `MultiOptimizer`, has updated its weights.

    Before the first update the averages are zeros.

    Args:
        optimizer: A `keras.optimizers.Optimizer`, built or not.
    """
    optimizers = [each for each in getattr(optimizer, "optimizers", [optimizer]) if each.built]
    return any(int(each.iterations.numpy()) for each in optimizers)


@contextlib.contextmanager
def averages_at_epoch_ends(optimizer, callbacks):
    """Shows the averages as weights to validation and to callbacks at the end of an epoch.

    Training goes on with the weights themselves; checkpoints, which are written at the beginning of
    the next epoch, hold both.

    Args:
        optimizer: The optimizer of the model that `fit` trains.
        callbacks: As `keras.Model.fit` takes them.

    Yields:
        The callbacks for `fit`.

    Raises:
        ValueError: If one of them is Keras' `SwapEMAWeights`, which would swap a second time.
    """
    optimizers = getattr(optimizer, "optimizers", [optimizer])
    if not any(getattr(each, "use_ema", False) for each in optimizers):
        yield callbacks
        return
    is_list = isinstance(callbacks, keras.callbacks.CallbackList)
    between = tree.flatten(callbacks.callbacks if is_list else callbacks or [])
    if any(isinstance(each, keras.callbacks.SwapEMAWeights) for each in between):
        raise UserError(
            "`fit` scores the averages of the weights by itself: leave out the callback "
            "SwapEMAWeights."
        )
    shown = ShownAverages(optimizer)
    first = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: shown.show())
    first.on_test_begin = lambda logs=None: shown.show()
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: shown.hide())
    try:
        if is_list:
            callbacks.callbacks[:] = [first, *between, last]
            yield callbacks
        else:
            yield [first, *between, last]
    finally:
        if is_list:
            callbacks.callbacks[:] = between
        shown.hide()
