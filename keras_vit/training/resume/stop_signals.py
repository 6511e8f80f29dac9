"""SIGTERM and Ctrl-C: recorded when they arrive, acted on between two steps."""

import signal
import threading


class StopSignals:
    """Records the first signal that asks the program to end; a second one ends it at once.

    Attributes:
        received: The signal's number, or 0 if none has arrived.
    """

    def __init__(self):
        self.received = 0
        self._before = {}

    def watch(self):
        """Begins to watch. Outside of the main thread Python has no signals: nothing happens."""
        self.release()
        self.received = 0
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)

    def release(self):
        """Restores the handlers that both signals had."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number, frame):
        self.release()
        self.received = number
