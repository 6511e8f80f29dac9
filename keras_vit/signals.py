"""SIGINT and SIGTERM noticed at once, also while C++ computes and Python can run no handler."""

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class SeenAtOnce:
    """Tells a person that a signal has arrived, and ends the program at the second one.

    Python runs the handlers of signals between two instructions of its main thread, which may
    compile in TensorFlow's C++ for half a minute. Here a thread of its own waits for signals that
    have a handler in Python, and leaves that handler to do its work. Outside of the main thread
    Python has no signals: nothing is noticed.

    Args:
        said: Maps the name of the first signal to the line that is written to the standard error
            stream.
        patience: Seconds before that line is written; it is not if `stop` is called meanwhile.
    """

    def __init__(self, said: Callable[[str], str], *, patience=0.0):
        self._said, self._patience = said, patience
        self._ends = self._before = None

    def start(self):
        """Begins to wait for signals."""
        self.stop()
        if threading.current_thread() is not threading.main_thread():
            return
        self._ends = os.pipe()
        os.set_blocking(self._ends[1], False)
        self._before = signal.set_wakeup_fd(self._ends[1], warn_on_full_buffer=False)
        threading.Thread(target=self._wait, args=(self._ends[0],), daemon=True).start()

    def stop(self):
        """Ends what `start` began."""
        if self._ends is not None:
            signal.set_wakeup_fd(self._before)
            os.close(self._ends[1])  # the thread reads the end, and closes its own
            self._ends = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def _wait(self, end):
        seen = 0
        while numbers := os.read(end, 16):
            for number in filter(NAMES.get, numbers):
                seen += 1
                if seen > 1:
                    _say("Ended at once.")
                    os._exit(128 + number)
                if not select.select([end], [], [], self._patience)[0]:
                    _say(self._said(NAMES[number]))
        os.close(end)


def _say(line):
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, f"\n{line}\n".encode())
