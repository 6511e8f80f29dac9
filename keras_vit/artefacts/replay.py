"""Runs one artefact over images in a process of its own: `python -m keras_vit.artefacts.replay`.

    python -m keras_vit.artefacts.replay ARTEFACT IMAGES.npy RESULT.npz

Unless the artefact is a Keras file, Keras is made impossible to import first, as on a server that
does not have it.
"""

import sys
import time

import numpy as np

from keras_vit.artefacts.artefact import open_artefact

WARM_UP = 10  # calls before the clock counts
TIMED = 1000  # images that are asked one at a time
BATCH = 64  # images per call of the others


def replay(artefact, images):
    """Asks an artefact for one image at a time, and for the many of a large set in batches.

    Args:
        artefact: An `Artefact`.
        images: Batch `(N, H, W, C)`, 0 to 255.

    Returns:
        The probabilities `(N, K)` and the milliseconds of each call of one image.
    """
    for index in range(min(WARM_UP, len(images))):
        artefact.predict(images[index : index + 1])
    probabilities, milliseconds = [], []
    for index in range(min(TIMED, len(images))):
        start = time.perf_counter()
        probabilities.append(artefact.predict(images[index : index + 1]))
        milliseconds.append(1000 * (time.perf_counter() - start))
    for index in range(TIMED, len(images), BATCH):
        probabilities.append(artefact.predict(images[index : index + BATCH]))
    return np.concatenate(probabilities), np.array(milliseconds)


def main(path, images_path, result_path):
    """Replays the artefact at `path` and writes `probabilities` and `milliseconds`."""
    if not path.endswith(".keras"):
        sys.modules["keras"] = None  # any import of it now raises ImportError
    probabilities, milliseconds = replay(
        open_artefact(path), np.load(images_path, allow_pickle=False)
    )
    np.savez(result_path, probabilities=probabilities, milliseconds=milliseconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
