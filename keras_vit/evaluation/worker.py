"""Runs one model in a process of its own: `python -m keras_vit.evaluation.worker MODEL`.

    python -m keras_vit.evaluation.worker MODEL [THREADS]

It reads one JSON object per line and replies to each with one. `{"answer": IMAGES.npy, "out":
ANSWERS.npz}` writes the named answers; `{"time": BATCH, "calls": N}` returns the milliseconds of
each call; `{"threads": N}`, which TensorFlow cannot do, sets how many threads compute, all if it is
null. Unless the model is a Keras file, importing Keras is made to fail first, as on a server that
does not have it.
"""

import json
import os
import sys
import time

import numpy as np

from keras_vit.images.preprocessing import images_per_call
from keras_vit.inference.open import open_artefact
from keras_vit.inference.signature import joined


def answer(artefact, images):
    """Runs images through a model in batches.

    Args:
        artefact: An `Artefact`.
        images: Images `(N, H, W, C)`, 0 to 255.

    Returns:
        A dictionary of arrays `(N, ...)` by name.
    """
    size = images_per_call(images.shape[1:3])
    parts = range(0, len(images), size)
    return joined([artefact.answer(images[place : place + size]) for place in parts])


def time_calls(artefact, batch, calls):
    """Times calls of a model with random images.

    Args:
        artefact: An `Artefact`.
        batch: Images per call.
        calls: Number of calls.

    Returns:
        A list of milliseconds, one for each call.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, *artefact.image_shape)).astype("uint8")
    milliseconds = []
    for _ in range(calls):
        start = time.perf_counter()
        artefact.answer(images)
        milliseconds.append(1000 * (time.perf_counter() - start))
    return milliseconds


def redirect_output():
    """Sends what runtimes print to the error stream.

    Returns:
        The original output stream, a text file, for replies.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def serve_requests(artefact, replies):
    """Prints the runtime's name, then answers requests line by line until stdin closes.

    Args:
        artefact: An `Artefact`.
        replies: The text file to which replies are printed.
    """
    print(json.dumps({"runtime": artefact.runtime}), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "time" in request:
            reply = {"milliseconds": time_calls(artefact, request["time"], request["calls"])}
        elif "threads" in request:
            artefact, reply = open_artefact(artefact.path, threads=request["threads"]), {}
        else:
            images = np.load(request["answer"], allow_pickle=False, mmap_mode="r")
            np.savez(request["out"], **answer(artefact, images))
            reply = {}
        print(json.dumps(reply), file=replies, flush=True)


def main(path, threads=None):
    """Opens a model and answers requests for it until stdin closes.

    Args:
        path: Path of the model, a text.
        threads: How many threads compute, a text; all if `None`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If the model cannot be opened.
    """
    replies = redirect_output()
    if not path.endswith(".keras"):
        sys.modules["keras"] = None  # any import of it now raises ImportError
    elif sys.modules.get("keras", True) is None:
        del sys.modules["keras"]
    serve_requests(open_artefact(path, threads=threads and int(threads)), replies)


if __name__ == "__main__":
    main(*sys.argv[1:])
