"""A model whose `fit` can be left and taken up again."""

import inspect

import keras

from keras_vit.keras_private import count_from
from keras_vit.training.step.averages import averages_at_epoch_ends, has_stepped

FIT = inspect.signature(keras.Model.fit)


class ResumableModel(keras.Model):
    """A model whose `fit` can begin in the middle of an epoch, and scores what it will save.

    Where the optimizer keeps averages of the weights, they are the weights at the end of `fit`, as
    Keras has it; here also in validation and in what callbacks do at the end of an epoch.

    Attributes:
        first_step: The step of the first epoch at which `fit` begins; set it to go on with a
            dataset that begins there.
        checkpoints: The `Checkpoints` that watch over `fit` while it runs.
    """

    first_step = 0
    checkpoints = None

    def fit(self, *args, **kwargs):
        """Trains, as `keras.Model.fit` does."""
        if not self.compiled:
            return super().fit(*args, **kwargs)  # which says so
        finalize = self.optimizer.finalize_variable_values
        arguments = FIT.bind(self, *args, **kwargs).arguments
        arguments.pop("self")

        def finalize_later(weights):
            if self.checkpoints is not None:  # what goes on are the weights, not their average
                self.checkpoints.on_last_step()
            if has_stepped(self.optimizer):  # else the averages are zeros
                finalize(weights)

        self.optimizer.finalize_variable_values = finalize_later
        self._is_fitting = True
        try:
            with averages_at_epoch_ends(self.optimizer, arguments.pop("callbacks", None)) as each:
                return super().fit(callbacks=each, **arguments)
        finally:
            self.optimizer.finalize_variable_values = finalize
            self._is_fitting, self.first_step = False, 0
            if self.checkpoints is not None:
                self.checkpoints.close()
                self.checkpoints = None

    _is_fitting = False

    def begin_at_first_step(self, iterator):
        """Makes Keras' iterator count the steps of the first epoch of `fit` from `first_step`."""
        if self._is_fitting and self.first_step:
            count_from(iterator, self.first_step)
            self.first_step = 0
