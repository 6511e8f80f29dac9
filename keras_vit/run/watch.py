"""What a model answers while it trains: figures of its task, and pictures of its answers."""

import time
from collections.abc import Callable

import keras
import numpy as np

from keras_vit.data import BrokenPictures
from keras_vit.evaluation import score
from keras_vit.evaluation.worst import Worst
from keras_vit.progress import doing
from keras_vit.run.gallery import row
from keras_vit.run.projected import project
from keras_vit.run.shown_answers import attention_figure, log_answers
from keras_vit.tasks import deploy
from keras_vit.training import Curves, log_figure

EXAMPLES = 500  # of the validation split, that are answered
BYTES = 2**26  # largest size of their images: fewer large ones, which take longer
LOOKED = 8  # of these, beside the attention to them
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
        self._answer = answers_of(deployed_of(self.task, self.model))

    def on_epoch_end(self, epoch, logs=None):
        if "val_loss" in logs:
            with doing("scoring the validation split"):
                scored = score(self.task, self._answer, self.batches.as_numpy_iterator())
            figures = scored.result.figures.items()
            logs.update({f"val_{name}": value for name, value in figures if np.isfinite(value)})


class WatchAnswers(keras.callbacks.Callback):
    """Draws answers and what led to them between epochs, under TensorBoard's Images.

    They are of a fixed sample of the validation split, which is read and answered each time: the
    attention to its first pictures, the plots of the task, how far probabilities can be believed,
    and the worst answers. Where the pictures before took more than their share of the time, the
    next ones wait. At the end of the training, TensorBoard's projector gets the features of the
    sample.

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
        self._deployed = deployed_of(self.task, self.model)
        self._start, self._spent, self._done = time.perf_counter(), 0.0, 0

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        self._done = epoch + 1
        is_due = self._done % self.every == 0 and self._done < self.params["epochs"]
        if is_due and self._spent <= SHARE * (start - self._start):
            self._draw(self._done * self.steps_per_epoch)
            self._spent += time.perf_counter() - start

    def on_train_end(self, logs=None):
        if self._done:
            name = f"after {self._done} epochs"
            project(self.task, self._deployed, self.batches, self.log_dir, name=name)

    def _draw(self, step):
        worst, first = Worst(self.task), []

        def watch(*batch):
            worst(*batch)
            count = min(LOOKED - len(first), len(batch[0]))
            first.extend(row(batch, place) for place in range(count))

        batches = self.batches.as_numpy_iterator()
        result = score(self.task, answers_of(self._deployed), batches, watch=watch).result
        shown = self.task, self._deployed.model
        log_answers(self.log_dir, "validation", *shown, result, worst.examples, step=step)
        figure = attention_figure(*shown, first)
        if figure is not None:
            log_figure(self.log_dir, "validation/attention", figure, step=step)


def deployed_of(task, model):
    """Deploys a model that trains, to answer between epochs with the weights that it then has.

    Args:
        task: The `keras_vit.tasks.Task`.
        model: The model.

    Returns:
        A `keras_vit.tasks.Deployed`, a graph of its own with the same layers.
    """
    return deploy(task.deploy(keras.Model(model.input, model.output)))


def answers_of(deployed):
    """Returns a function that answers, on one device, from images `(B, H, W, C)` to arrays by name.

    Args:
        deployed: What `deployed_of` returned.
    """

    def answer(images):
        answers = deployed(images)  # `predict` would ask for all devices of the model that trains
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
        # In an order of chance: a split may be sorted by class.
        some = split.drawn(max(1, min(EXAMPLES, room, split.count)), config.seed)
        batches = evaluated(some, preprocessing, broken=BrokenPictures())
        every, steps = config.picture_epochs, at["steps_per_epoch"]
        callbacks.append(WatchAnswers(task, batches, log_dir, every=every, steps_per_epoch=steps))
    return callbacks
