"""Runs one model in a process of its own: `python -m keras_vit.evaluation.worker MODEL`.

    python -m keras_vit.evaluation.worker MODEL [THREADS]

It reads one JSON object per line and answers each with one: `{"answer": IMAGES.npy, "out":
PROBABILITIES.npy}` and `{"time": BATCH, "calls": N}`, milliseconds per call. Unless the model is
a Keras file, Keras is made impossible to import first, as on a server that does not have it.
"""

import json
import os
import sys
import time

import numpy as np

from keras_vit.inference.open import open_artefact

BATCH = 64  # images per call that is not timed


def answer(artefact, images):
    """Returns the probabilities `(N, K)` of images `(N, H, W, C)`."""
    return np.concatenate(
        [artefact.predict(images[index : index + BATCH]) for index in range(0, len(images), BATCH)]
    )


def time_calls(artefact, batch, calls):
    """Returns the milliseconds of each of several calls with random images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, *artefact.image_shape)).astype("uint8")
    milliseconds = []
    for _ in range(calls):
        start = time.perf_counter()
        artefact.predict(images)
        milliseconds.append(1000 * (time.perf_counter() - start))
    return milliseconds


def redirect_output():
    """Sends what runtimes print to the error stream; returns the output stream for replies."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def serve_requests(artefact, replies):
    """Prints the runtime's name, then answers requests line by line until stdin closes."""
    print(json.dumps({"runtime": artefact.runtime}), file=replies, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "time" in order:
            reply = {"milliseconds": time_calls(artefact, order["time"], order["calls"])}
        else:
            images = np.load(order["answer"], allow_pickle=False, mmap_mode="r")
            np.save(order["out"], answer(artefact, images))
            reply = {}
        print(json.dumps(reply), file=replies, flush=True)


def main(path, threads=None):
    """Opens the model at `path` and answers requests for it."""
    replies = redirect_output()
    if not path.endswith(".keras"):
        sys.modules["keras"] = None  # any import of it now raises ImportError
    serve_requests(open_artefact(path, threads=threads and int(threads)), replies)


if __name__ == "__main__":
    main(*sys.argv[1:])
