"""What `fit` does at its ends: it begins in the middle of an epoch, and averages last."""

import itertools

import keras


class ResumableModel(keras.Model):
    """A model whose `fit` can begin in the middle of an epoch.

    Averages of the weights (`use_ema`) take the weights' place after `on_train_end`, not before:
    what is saved there goes on with the weights.

    Attributes:
        first_step: The step of the first epoch at which `fit` begins; set it to go on with a
            dataset that begins there.
        is_fitting: Whether `fit` runs.
    """

    first_step = 0
    is_fitting = False

    def fit(self, *args, **kwargs):
        """Trains, as `keras.Model.fit` does."""
        optimizer = self.optimizer
        finalize = optimizer.finalize_variable_values
        optimizer.finalize_variable_values = lambda weights: None
        self.is_fitting = True
        try:
            history = super().fit(*args, **kwargs)
        finally:
            self.is_fitting, self.first_step = False, 0
            optimizer.finalize_variable_values = finalize
        finalize(self.trainable_weights)
        return history

    def begin_epoch(self, iterator):
        """Makes the iterator of `fit` count the steps of its first epoch from `first_step`."""
        first, self.first_step = self.first_step, 0
        if first:
            _begin_at(iterator, first)


def _begin_at(iterator, first):
    """Makes Keras' iterator count the steps of its first epoch from `first`; it reads nothing."""
    steps = iterator._enumerate_iterator

    def rest():
        iterator._enumerate_iterator = steps
        return itertools.islice(steps(), first, None)

    iterator._enumerate_iterator = rest
