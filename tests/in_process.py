"""`Worker` without a process of its own, for tests of what is done with the answers."""

import functools
from pathlib import Path

import numpy as np

from keras_vit.errors import one_line
from keras_vit.evaluation.process import NoAnswer
from keras_vit.evaluation.worker import answer, time_calls
from keras_vit.inference import open_artefact


@functools.lru_cache(maxsize=8)
def opened(place, written):
    """Opens a model once until its file, or the file in its folder, is written anew."""
    return open_artefact(place)


class InProcess:
    """Answers and times in this process: one that imports TensorFlow takes five seconds to start.

    Threads and environment are this process's.
    """

    def __init__(self, place, threads=None, *, environment=None):
        self.place = place

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    @property
    def _artefact(self):
        try:
            return opened(self.place, Path(self.place).stat().st_mtime_ns)
        except Exception as error:
            raise NoAnswer(self.place, one_line(error)) from error

    @property
    def runtime(self):
        return self._artefact.runtime

    def answer(self, images, out):
        return self._asked(answer, np.load(images))

    def use_threads(self, threads):
        pass

    def begin_answer(self, images, out):
        self._images = images

    def end_answer(self):
        return self.answer(self._images, None)

    def warm_up(self, batch):
        self.time(batch)

    def time(self, batch):
        return self._asked(time_calls, batch, 1)

    def _asked(self, ask, *arguments):
        artefact = self._artefact
        try:
            return ask(artefact, *arguments)
        except Exception as error:
            raise NoAnswer(self.place, one_line(error)) from error
