"""A model whose `fit` can be stopped and resumed."""

import inspect

import keras

from keras_vit.keras_private import count_from
from keras_vit.training.step.averages import averages_at_epoch_ends, has_stepped

FIT = inspect.signature(keras.Model.fit)


class ResumableModel(keras.Model):
    """A model whose `fit` can begin in the middle of an epoch, and scores what it will save.

    Where the optimizer keeps averages of the weights, they become the weights at the end of `fit`,
    as in Keras; here validation, and callbacks at the end of an epoch, see them too.

    Attributes:
        first_step: The step within the first epoch at which the next `fit` begins, from 0; its
            dataset must begin there too.
        checkpoints: The `Checkpoints` in use while `fit` runs, else `None`.
    """

    first_step = 0
    checkpoints = None

    def fit(self, *args, **kwargs):
        """Trains, from `first_step` on.

        Args:
            *args: As `keras.Model.fit` takes them.
            **kwargs: As `keras.Model.fit` takes them.

        Returns:
            What `keras.Model.fit` returns, a `keras.callbacks.History`.

        Raises:
            ValueError: If the callbacks hold Keras' `SwapEMAWeights` and the optimizer keeps
                averages.
        """
        if not self.compiled:
            return super().fit(*args, **kwargs)  # raises Keras' error
        finalize = self.optimizer.finalize_variable_values
        arguments = FIT.bind(self, *args, **kwargs).arguments
        arguments.pop("self")

        def finalize_later(weights):
            if self.checkpoints is not None:  # a resumed run needs the weights, not their average
                self.checkpoints.on_last_step()
            if has_stepped(self.optimizer):  # else the averages are zeros
                finalize(weights)

        self.optimizer.finalize_variable_values = finalize_later
        self._is_fitting = True
        try:
            callbacks = arguments.pop("callbacks", None)
            with averages_at_epoch_ends(self.optimizer, callbacks) as callbacks:
                return super().fit(callbacks=callbacks, **arguments)
        finally:
            self.optimizer.finalize_variable_values = finalize
            self._is_fitting, self.first_step = False, 0
            if self.checkpoints is not None:
                self.checkpoints.close()
                self.checkpoints = None

    _is_fitting = False

    def begin_at_first_step(self, iterator):
        """Makes Keras' iterator count the steps of the first epoch of `fit` from `first_step`.

        Args:
            iterator: Keras' iterator over the first epoch; outside of `fit` it is left as it is.
        """
        if self._is_fitting and self.first_step:
            count_from(iterator, self.first_step)
            self.first_step = 0
