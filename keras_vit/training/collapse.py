"""A callback that says if a training without labels has collapsed: all pictures answered alike."""

from collections.abc import Callable

import keras


class WatchCollapse(keras.callbacks.Callback):
    """Prints one sentence, once, when the numbers of an epoch show a collapse.

    Args:
        find: Turns the logs of an epoch into what is seen in them, a part of a sentence, or `None`.
        advice: What to do then, a sentence.
        after: Number of the first epoch, from 1, that is judged: at first, embeddings of a healthy
            training may be alike, too.
    """

    def __init__(self, find: Callable[[dict], str | None], *, advice, after=2):
        super().__init__()
        self.find = find
        self.advice = advice
        self.after = after
        self._has_said = False

    def on_epoch_end(self, epoch, logs=None):
        seen = self.find(logs) if epoch + 1 >= self.after and not self._has_said else None
        if seen is not None:
            self._has_said = True
            print(f"\nThe training has collapsed in epoch {epoch + 1}: {seen}. {self.advice}")
