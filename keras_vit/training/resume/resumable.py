"""A model whose `fit` can be left and taken up again."""

import itertools

import keras


class ResumableModel(keras.Model):
    """A model whose `fit` can begin in the middle of an epoch, and tells its checkpoints the end.

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

        def finalize_later(weights):
            if self.checkpoints is not None:  # what goes on are the weights, not their average
                self.checkpoints.on_last_step()
            finalize(weights)

        self.optimizer.finalize_variable_values = finalize_later
        self._is_fitting = True
        try:
            return super().fit(*args, **kwargs)
        finally:
            self.optimizer.finalize_variable_values = finalize
            self._is_fitting, self.first_step = False, 0
            if self.checkpoints is not None:
                self.checkpoints.close()
                self.checkpoints = None

    _is_fitting = False

    def _begin_at_first_step(self, iterator):
        """Makes Keras' iterator count the steps of the first epoch of `fit` from `first_step`."""
        if not self._is_fitting or not self.first_step:
            return
        first, self.first_step = self.first_step, 0
        steps = iterator._enumerate_iterator

        def rest():
            iterator._enumerate_iterator = steps
            return itertools.islice(steps(), first, None)

        iterator._enumerate_iterator = rest


def unique(variables):
    """Returns variables in their order, each once."""
    return list({id(variable): variable for variable in variables}.values())
