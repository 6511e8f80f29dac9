"""Checks that a loaded model takes and returns what classifiers of ours do."""

from collections.abc import Callable

import numpy as np

from keras_vit.errors import UserError

IMAGES, PROBABILITIES = "images", "probabilities"  # what `keras_vit.export` calls them
NAME = "serving_default"  # of the signature that has them
FLOAT = "float32"


def image_shape_of(inputs, outputs, dtypes=(FLOAT,)):
    """Returns `(H, W, C)` of the images that a signature takes.

    Args:
        inputs: A pair for each input by its name: its shape, `None` for an axis of any length, and
            the name of its dtype.
        outputs: The same for each output.
        dtypes: Names of the dtypes that images may have.

    Returns:
        The shape, a tuple of three integers.

    Raises:
        ValueError: If it takes anything else than images of one size, or returns no probabilities.
    """
    shape, dtype = inputs.get(IMAGES, ((), ""))
    gives, _ = outputs.get(PROBABILITIES, ((), ""))
    is_known = (
        list(inputs) == [IMAGES]
        and dtype in dtypes
        and len(shape) == 4
        and shape[0] in (None, 1)
        and None not in shape[1:]
        and len(gives) == 2
    )
    if not is_known:
        raise UserError(
            f"keras_vit exports take {IMAGES} (B, H, W, C) of one size and give {PROBABILITIES} "
            f"(B, K), this takes {_described(inputs)} and gives {_described(outputs)}."
        )
    return tuple(shape[1:])


def _described(tensors):
    texts = [
        f"{name} ({', '.join('?' if side is None else str(side) for side in shape)}) {dtype}"
        for name, (shape, dtype) in list(tensors.items())[:5]
    ]
    return ", ".join(texts) or "nothing"


def one_by_one(predict: Callable[[np.ndarray], np.ndarray]):
    """Wraps a model of batch 1 so that it takes any number of images.

    Args:
        predict: Maps one image `(1, H, W, C)` to probabilities `(1, K)`.

    Returns:
        A `Callable[[np.ndarray], np.ndarray]` that maps images `(B, H, W, C)`, one at a time, to
        probabilities `(B, K)`.
    """

    def predict_all(images):
        return np.concatenate([predict(image[None]) for image in np.asarray(images)])

    return predict_all


def check_answer(artefact):
    """Checks that a model answers a black image with probabilities.

    Args:
        artefact: An `Artefact`.

    Raises:
        ValueError: If the answer is no array `(1, K)`, does not sum to 1, or the model holds names
            for another number of classes.
    """
    answer = artefact.predict(np.zeros((1, *artefact.image_shape), "uint8"))
    if answer.ndim != 2 or len(answer) != 1:
        raise UserError(f"It answers one image with an array {answer.shape}, and not (1, K).")
    count, total = answer.shape[1], float(answer.sum())
    artefact.names_of(count)
    if abs(total - 1) > 0.01 + count / 512:  # half a step of a byte for each class
        raise UserError(
            f"Its answers are no probabilities of {count} classes: on a black image their sum is "
            f"{total:.3g}."
        )
