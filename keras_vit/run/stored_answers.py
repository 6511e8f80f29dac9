"""A teacher's answers to every view of a training, computed once and kept in a folder.

The stream of training images is a pure function of flags, seed and place, so the place names the
view: `train-00003.npy` holds the answers `(steps * batch, K)` to epoch 3, in the order of its
stream, and `val.npy` those to the watched pictures, by their numbers; all float16. `views.json`
says which views they are.
"""

import functools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_vit.data.order import mapped
from keras_vit.errors import UserError
from keras_vit.files import atomic_write
from keras_vit.progress import progress
from keras_vit.run.settings import wrapped
from keras_vit.run.stored_views import check_views

KIND = np.dtype("float16")
WATCHED = "val.npy"


class StoredAnswers:
    """Answers of a teacher in a folder, to the views of one training.

    Args:
        folder: The folder; it is made if it is missing.
        about: What decides the views and the answers, plain values by name.
        ask: Returns a function from images `(B, H, W, C)` to logits `(B, K)`; it is called only
            where answers are missing.
        num_classes: Number of classes `K`.
    """

    def __init__(
        self, folder, *, about: Mapping[str, object], ask: Callable[[], Callable], num_classes
    ):
        self.folder, self.about, self.num_classes = Path(folder), about, num_classes
        self.ask = functools.cache(lambda: _compiled(ask()))
        self._read = functools.cache(lambda name: np.load(self.folder / name, mmap_mode="r"))

    def beside(self, config, source, stream: Callable[..., tf.data.Dataset], watched, target):
        """Adds the answers to the targets of a training; what is missing is asked first.

        A file is written completely or not at all: a run that was killed goes on with the next one.

        Args:
            config: A recipe's `Training`.
            source: The `keras_vit.data.Source` of the training.
            stream: Opens its batches, images and targets `(B, K)`, by `start_step`.
            watched: A dataset of the pictures of `val`, or of `test` where there is none: pairs of
                images and truth, and numbers.
            target: Turns truth into targets `(B, K)`.

        Returns:
            A function as `stream`, whose batches end with the last epoch, and a dataset of the
            watched pictures: both of images and targets `(B, 2, K)`, `K` shares and `K` logits.

        Raises:
            ValueError: If the views depend on more than their place, the folder holds answers to
                other views, or the disk is too small.
            OSError: If a file cannot be read or written.
        """
        train, batch = source.splits["train"], config.batch_size
        steps = train.count // batch
        if train.guarantee:
            raise UserError(
                "Answers are stored by the places of the views, which must be known: received data "
                f"that is {train.guarantee}."
            )
        first, *_ = next(stream(start_step=0).as_numpy_iterator())
        check_views(self.folder, source, first, {**self.about, "steps": steps})
        self._fill(stream, watched, source, range(config.epochs), steps, batch)

        def of_step(step):
            epoch, place = divmod(int(step), steps)
            return self._read(_epoch(epoch))[place * batch : (place + 1) * batch]

        def opened(*, start_step=0, **how):
            numbers = tf.data.Dataset.range(start_step, config.epochs * steps)
            batches = tf.data.Dataset.zip(stream(start_step=start_step, **how), numbers)
            return mapped(batches, lambda pair, n: self._joined(*pair, of_step, n), at_once=1)

        def judged(pair, numbers):
            images, truth = pair
            return self._joined(images, target(truth), lambda n: self._read(WATCHED)[n], numbers)

        return opened, mapped(watched, judged, at_once=1)

    def _fill(self, stream, watched, source, epochs, steps, batch):
        """Writes the files that are missing."""
        count = source.splits.get("val", source.splits["test"]).count
        rows = {WATCHED: count} | {_epoch(each): steps * batch for each in epochs}
        missing = {name: n for name, n in rows.items() if not (self.folder / name).exists()}
        self._announce(rows, missing, f"{steps * batch:,} in each of {len(epochs)} epochs")

        def asked():
            if WATCHED in missing:
                pairs = ((x, numbers) for (x, _), numbers in watched.as_numpy_iterator())
                yield from self._written(WATCHED, count, pairs)
            for epoch in (each for each in epochs if _epoch(each) in missing):
                batches = stream(start_step=epoch * steps).take(steps).as_numpy_iterator()
                places = np.arange(steps * batch).reshape(steps, batch)
                pairs = ((x, numbers) for (x, _), numbers in zip(batches, places, strict=True))
                yield from self._written(_epoch(epoch), steps * batch, pairs)

        for _ in progress(asked(), "asking the teacher", sum(missing.values())):
            pass

    def _written(self, name, count, pairs):
        """Writes a file of the answers to images at places; yields each of these."""
        with atomic_write(self.folder / name) as unfinished:
            shape = count, self.num_classes
            kept = np.lib.format.open_memmap(unfinished, mode="w+", dtype=KIND, shape=shape)
            for images, places in pairs:
                kept[places] = keras.ops.convert_to_numpy(self.ask()(images))
                yield from places
            kept.flush()

    def _announce(self, rows, missing, of_training):
        each = KIND.itemsize * self.num_classes
        whole, left = (each * sum(sizes.values()) for sizes in (rows, missing))
        said = (
            f"The teacher's answers to {sum(rows.values()):,} views ({of_training}, and "
            f"{rows[WATCHED]:,} watched pictures), {each:,} bytes each, take {whole / 1e6:,.1f} MB "
            f"in {self.folder}; {(whole - left) / 1e6:,.1f} MB are there."
        )
        print(wrapped(said))
        free = shutil.disk_usage(self.folder).free
        if left > free:
            raise UserError(
                f"The teacher's answers need {left / 1e6:,.1f} MB more in {self.folder}: received "
                f"a disk with {free / 1e6:,.1f} MB free."
            )

    def _joined(self, images, targets, answers, numbers):
        """Returns images, and targets with answers, which are read by numbers."""

        def read(numbers):
            return answers(numbers).astype("float32")

        logits = tf.numpy_function(read, [numbers], tf.float32, stateful=False)
        logits = tf.ensure_shape(tf.cast(logits, targets.dtype), targets.shape)
        return images, tf.stack([targets, logits], axis=1)


def _compiled(function):
    is_tensorflow = keras.backend.backend() == "tensorflow"
    return tf.function(function, autograph=False) if is_tensorflow else function


def _epoch(number):
    return f"train-{number:05d}.npy"
