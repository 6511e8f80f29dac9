"""What a model answers while it trains: figures of its task, and its mistakes as pictures."""

import time
from collections.abc import Callable

import keras
import numpy as np

from keras_vit.data import BrokenPictures, draw
from keras_vit.evaluation import mistakes_figure, score
from keras_vit.evaluation.worst import Worst
from keras_vit.progress import doing
from keras_vit.tasks import deploy
from keras_vit.training import Curves, log_figure

EXAMPLES = 500  # of the validation split, that are answered
BYTES = 2**26  # largest size of their images: fewer large ones, which take longer
SHARE = 0.03  # largest share of the time that pictures take


class WatchScore(keras.callbacks.Callback):
    """Adds figures of the task to the logs of each epoch that is validated, for later callbacks.

    They are those of `task.score` that need all answers at once, such as mAP, which no metric of
    Keras counts; their names begin with `val_`.

    Args:
        task: The `keras_vit.tasks.Task`.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and their truth.
    """

    def __init__(self, task, batches):
        super().__init__()
        self.task = task
        self.batches = batches

    def on_train_begin(self, logs=None):
        self._answer = answers_of(self.task, self.model)

    def on_epoch_end(self, epoch, logs=None):
        if "val_loss" in logs:
            with doing("scoring the validation split"):
                scored = score(self.task, self._answer, self.batches.as_numpy_iterator())
            figures = scored.result.figures.items()
            logs.update({f"val_{name}": value for name, value in figures if np.isfinite(value)})


class WatchMistakes(keras.callbacks.Callback):
    """Draws the worst answers and the plots of the task between epochs, under TensorBoard's Images.

    They are of a fixed sample of the validation split, which is read and answered each time.
    Where the pictures before took more than their share of the time, the next ones wait.

    Args:
        task: The `keras_vit.tasks.Task`.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and their truth.
        log_dir: Folder that `tensorboard --logdir` is given.
        every: Epochs between two sets of pictures.
        steps_per_epoch: Steps of an epoch, as passed to `fit`.
    """

    def __init__(self, task, batches, log_dir, *, every, steps_per_epoch):
        super().__init__()
        self.task = task
        self.batches = batches
        self.log_dir = log_dir
        self.every = every
        self.steps_per_epoch = steps_per_epoch

    def on_train_begin(self, logs=None):
        self._answer = None
        self._start, self._spent = time.perf_counter(), 0.0

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        done = epoch + 1
        is_due = done % self.every == 0 and done < self.params["epochs"]
        if is_due and self._spent <= SHARE * (start - self._start):
            self._draw(done * self.steps_per_epoch)
            self._spent += time.perf_counter() - start

    def _draw(self, step):
        if self._answer is None:
            self._answer = answers_of(self.task, self.model)
        worst = Worst(self.task)
        batches = self.batches.as_numpy_iterator()
        result = score(self.task, self._answer, batches, watch=worst).result
        for name, plot in result.plots.items():
            log_figure(self.log_dir, f"validation/{name}", plot(), step=step)
        if worst.examples:
            figure = mistakes_figure(self.task, worst.examples)
            log_figure(self.log_dir, "validation/worst answers", figure, step=step)


def answers_of(task, model):
    """Deploys a model that trains, to answer between epochs with the weights that it then has.

    Args:
        task: The `keras_vit.tasks.Task`.
        model: The model.

    Returns:
        A function from images `(B, H, W, C)` to answers, arrays `(B, ...)` by name.
    """
    # A graph of its own: `predict` of the model that trains would ask for all its devices.
    deployed = deploy(task.deploy(keras.Model(model.input, model.output)))

    def answer(images):
        answers = deployed(images)
        return {name: keras.ops.convert_to_numpy(array) for name, array in answers.items()}

    return answer


def tensorboard_callbacks(config, task, evaluated: Callable, split, preprocessing, log_dir, **at):
    """Makes the callbacks that write for TensorBoard: curves and pictures.

    Args:
        config: A recipe's `Training`.
        task: The `keras_vit.tasks.Task`.
        evaluated: Turns a split and its `Preprocessing` into batches, as `evaluation_batches` does.
        split: The split that is watched.
        preprocessing: How its pictures are prepared.
        log_dir: Folder that `tensorboard --logdir` is given.
        **at: The `steps_per_epoch`, and the `first_step`, those done before.

    Returns:
        A list of callbacks.
    """
    callbacks = [Curves(log_dir, **at)]
    if config.picture_epochs:
        room = BYTES // int(np.prod([*preprocessing.image_size, split.channels]))
        some = draw(split, max(1, min(EXAMPLES, room)), config.seed)
        batches = evaluated(some, preprocessing, broken=BrokenPictures())
        every, steps = config.picture_epochs, at["steps_per_epoch"]
        mistakes = WatchMistakes(task, batches, log_dir, every=every, steps_per_epoch=steps)
        callbacks.append(mistakes)
    return callbacks
