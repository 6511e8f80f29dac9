"""What goes on: bars on a terminal, seconds where the end is not known, lines elsewhere."""

import contextlib
import sys
import threading
import time

LONG = 5.0  # seconds, after which what was done is worth a line


def progress(steps, description, total):
    """Yields steps, and shows on a terminal how far they are and how long the rest will take.

    Args:
        steps: An iterable.
        description: What is done, a few words.
        total: Number of steps.

    Returns:
        An iterator over the steps.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        steps,
        description=description,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextlib.contextmanager
def doing(description):
    """Says what goes on in the `with` block, where nobody knows how long it takes.

    On a terminal it is a line with the seconds so far, which goes when the block ends. Elsewhere it
    is a line at the end, if that was `LONG` in coming.

    Args:
        description: What is done, a few words.
    """
    start, ended, is_terminal = time.monotonic(), threading.Event(), sys.stderr.isatty()

    def show():
        while not ended.wait(1.0):  # also while C++ computes
            line = f"\r{description}, {time.monotonic() - start:.0f} s "
            print(line, end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    if is_terminal:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        seconds = time.monotonic() - start
        if is_terminal:
            thread.join()
            blank = " " * (len(description) + 12)
            print(f"\r{blank}\r", end="", file=sys.stderr, flush=True)
        elif seconds > LONG:
            print(f"{description}: {seconds:.0f} s", file=sys.stderr, flush=True)
