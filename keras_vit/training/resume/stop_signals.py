"""SIGTERM and Ctrl-C, noted and acted on between two steps."""

import signal
import threading


class StopSignals:
    """Notes the first signal that asks the program to end; a second one ends it at once.

    Attributes:
        received: The signal's number, 0 where there was none.
    """

    def __init__(self):
        self.received = 0
        self._before = {}

    def watch(self):
        """Begins; in other threads than the main one, where Python has no signals, it does not."""
        self.release()
        self.received = 0
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)

    def release(self):
        """Gives both signals back their meaning."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number, frame):
        self.release()
        self.received = number
