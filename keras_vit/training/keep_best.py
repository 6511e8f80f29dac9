"""Keeps the weights of the best epoch, and ends a training that has stopped improving."""

import math
from pathlib import Path

import keras

from keras_vit.errors import UserError
from keras_vit.training.devices.workers import Workers
from keras_vit.training.names import named_variables
from keras_vit.training.resume.files import read_checkpoint, write_checkpoint
from keras_vit.training.resume.state import STATE, match_variables


class KeepBest(keras.callbacks.Callback):
    """Writes the weights to a file whenever an epoch's validation figure is the best so far.

    The weights are those that were validated: with EMA the averages. Of two epochs with the same
    figure the later one is kept: small sets have many such epochs, and the last ones, with the
    lowest learning rates, test best. Pass it to `Checkpoints` too, whose files then hold which
    epoch is the best: a run that is killed and goes on keeps the same bits.

    Args:
        path: The file, a `.npz`.
        metric: Name of the figure, as `compile` names the metric; or `"loss"`.
        higher_is_better: Whether a higher figure is better.
        patience: Number of validations in a row without a better figure after which the training
            ends; 0 is never.

    Attributes:
        best: `epoch` (from 1; 0 is before the training) and `figure` of the best epoch; `None`
            where there is none.
        is_longer: Whether the run that goes on has got more epochs.
    """

    def __init__(self, path, metric, *, higher_is_better=True, patience=0):
        super().__init__()
        self.path = Path(path)
        self.metric = metric
        self.higher_is_better = higher_is_better
        self.patience = patience
        self.best = None
        self.is_longer = False
        self._waited = 0

    def on_epoch_end(self, epoch, logs=None):
        figure = logs.get(f"val_{self.metric}")
        if figure is None:  # no validation in this epoch
            return
        if self.consider(epoch + 1, figure):
            self._waited = 0
            return
        self._waited += 1
        if self.patience and self._waited >= self.patience:
            self.model.stop_training = True
            print(
                f"\nStopped after epoch {epoch + 1}: in {self._waited} validations `{self.metric}` "
                "was not better."
            )

    def consider(self, epoch, figure):
        """Keeps the weights of the model unless earlier ones are better.

        Args:
            epoch: Number of epochs that they were trained for.
            figure: What the validation gave.

        Returns:
            Whether they are better than all before.
        """
        figure, sign = float(figure), 1 if self.higher_is_better else -1
        before = -math.inf if self.best is None else sign * self.best["figure"]
        if not math.isfinite(figure) or sign * figure < before:
            return False
        self.best = {"epoch": epoch, "figure": figure}
        if Workers(self.model.distribute_strategy).is_chief:
            variables = named_variables(self.model).items()
            arrays = {STATE + name: variable.numpy() for name, variable in variables}
            write_checkpoint(self.path, arrays, self.best)
        return sign * figure > before

    def restore(self):
        """Sets the model to the weights of the best epoch.

        Raises:
            OSError: If the file cannot be opened.
            ValueError: If it is damaged, of another model, or of another epoch than the run
                remembers: of one that was lost when the run was killed, and was not the same again.
        """
        arrays, found = read_checkpoint(self.path)
        if found != self.best:
            raise UserError(
                f"{self.path} holds epoch {found['epoch']}, and the run remembers epoch "
                f"{self.best['epoch']} as its best: it was killed, and went on with other numbers."
            )
        variables = named_variables(self.model)
        for variable, array in match_variables(self.path, arrays, self.model, variables):
            variable.assign(array)

    def get_state(self):
        """Returns what a resumed run restores."""
        return {"best": self.best, "waited": self._waited}

    def set_state(self, state):
        """Restores what `get_state` returned; a run that became longer waits from the beginning."""
        self.best = state["best"]
        self._waited = 0 if self.is_longer else state["waited"]
