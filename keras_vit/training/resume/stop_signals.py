"""SIGTERM and Ctrl-C: recorded when they arrive, acted on between two steps."""

import signal
import threading

from keras_vit.signals import SeenAtOnce

SAID = "{}: stops when this step is done, and saves it. Once more ends at once and saves nothing."


class StopSignals:
    """Records the first signal that asks the program to end; a second one ends it at once.

    Attributes:
        received: The signal's number, or 0 if none has arrived.
    """

    def __init__(self):
        self.received = 0
        self._before = {}
        self._seen = SeenAtOnce(SAID.format)

    def watch(self):
        """Begins to watch. Outside of the main thread Python has no signals: nothing happens."""
        self.release()
        self.received = 0
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
            self._seen.start()

    def release(self):
        """Ends to watch, and restores the handlers that both signals had."""
        self._seen.stop()
        self._restore()

    def _restore(self):
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number, frame):
        self._restore()
        self.received = number
