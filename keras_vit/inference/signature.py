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
    """Checks that a model answers a black image and one of noise with probabilities.

    Noise, because two sigmoids without a bias sum to 1 on a black image.

    Args:
        artefact: An `Artefact`.

    Raises:
        ValueError: If an answer is no array `(1, K)`, is not finite, is negative or does not sum to
            1, or the model holds names for another number of classes.
    """
    shape = artefact.image_shape
    noise = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    for name, image in {"a black image": np.zeros(shape, "uint8"), "noise": noise}.items():
        answer = artefact.predict(image[None])
        if answer.ndim != 2 or len(answer) != 1:
            raise UserError(f"It answers one image with an array {answer.shape}, and not (1, K).")
        if not np.isfinite(answer).all():
            raise UserError(f"It answers {name} with something that is not a finite number.")
        count, least, total = answer.shape[1], float(answer.min()), float(answer.sum())
        artefact.names_of(count)
        # Half a step of a byte for each class.
        if abs(total - 1) > 0.01 + count / 512 or least < -0.01:
            raise UserError(
                f"Its answers are no probabilities of {count} classes: on {name} the least is "
                f"{least:.3g} and their sum is {total:.3g}."
            )
