"""Checks that a loaded model takes images, and answers with what its task promises."""

from collections.abc import Callable

import numpy as np

from keras_vit.errors import UserError
from keras_vit.inference.metadata import CLASSIFICATION

IMAGES, PROBABILITIES = "images", "probabilities"  # what `keras_vit.export` calls them
CLASSES, SCORES = "classes", "scores"  # names and probabilities of the most probable classes
VALID = "valid"  # whether a picture could be read
NAME = "serving_default"  # of the signature that has them
PIXELS = "serve_uint8"  # of the one that takes images of integers
BYTES = "serve_bytes"  # of the one that takes encoded pictures
FLOAT, TEXT = "float32", "string"


def image_shape_of(inputs, outputs, task=CLASSIFICATION, dtypes=(FLOAT,)):
    """Returns `(H, W, C)` of the images that a signature takes.

    Args:
        inputs: A pair for each input by its name: its shape, `None` for an axis of any length, and
            the name of its dtype.
        outputs: The same for each output.
        task: Name of the task.
        dtypes: Names of the dtypes that images may have.

    Returns:
        The shape, a tuple of three integers.

    Raises:
        ValueError: If it takes anything else than images of one size, or does not return what its
            task promises.
    """
    shape, dtype = inputs.get(IMAGES, ((), ""))
    is_known = (
        list(inputs) == [IMAGES]
        and dtype in dtypes
        and len(shape) == 4
        and shape[0] in (None, 1)
        and None not in shape[1:]
    )
    if task == CLASSIFICATION:  # also of files that name none
        promised = f"{PROBABILITIES} (B, K)"
        is_known = is_known and len(outputs.get(PROBABILITIES, ((), ""))[0]) == 2
    else:
        promised = "answers (B, ...)"
        is_known = is_known and bool(answers_of(outputs))
    if not is_known:
        raise UserError(
            f"keras_vit exports take {IMAGES} (B, H, W, C) of one size and give {promised}, "
            f"this takes {_described(inputs)} and gives {_described(outputs)}."
        )
    return tuple(shape[1:])


def answers_of(outputs):
    """Returns which outputs of a signature are the answers.

    Texts repeat what numbers say: beside `probabilities`, a SavedModel returns `classes`, the names
    of the most probable ones, and `scores`, their probabilities.

    Args:
        outputs: As `image_shape_of` takes them.

    Returns:
        A list of names.
    """
    texts = {name for name, (_, dtype) in outputs.items() if dtype == TEXT}
    repeated = texts | {SCORES} if CLASSES in texts else texts
    return [name for name in outputs if name not in repeated]


def answers_in(outputs):
    """Returns the answers among the outputs of `serve_bytes`.

    Args:
        outputs: Arrays by name.

    Returns:
        Those that are answers.
    """
    facts = {
        name: (array.shape, TEXT if array.dtype.kind in "OSU" else array.dtype.name)
        for name, array in outputs.items()
        if name != VALID
    }
    return {name: outputs[name] for name in answers_of(facts)}


def _described(tensors):
    texts = [
        f"{name} ({', '.join('?' if side is None else str(side) for side in shape)}) {dtype}"
        for name, (shape, dtype) in list(tensors.items())[:5]
    ]
    return ", ".join(texts) or "nothing"


def one_by_one(answer: Callable[[np.ndarray], dict[str, np.ndarray]]):
    """Wraps a model of batch 1 so that it takes any number of images.

    Args:
        answer: Maps one image `(1, H, W, C)` to arrays `(1, ...)` by name.

    Returns:
        A function that maps images `(B, H, W, C)`, one at a time, to arrays `(B, ...)` by name.
    """

    def answer_all(images):
        return joined([answer(image[None]) for image in np.asarray(images)])

    return answer_all


def joined(parts):
    """Joins the answers of several batches.

    Args:
        parts: A list of dictionaries of arrays `(B, ...)` by name, all of the same names.

    Returns:
        A dictionary of arrays by name.
    """
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check_answer(artefact):
    """Checks that a model answers a black image and one of noise.

    Noise, because two sigmoids without a bias sum to 1 on a black image.

    Args:
        artefact: An `Artefact`.

    Raises:
        ValueError: If an answer is no array `(1, ...)` or is not finite; or if `probabilities`
            `(1, K)` are negative or do not sum to 1, or the model holds names for another number of
            classes.
    """
    shape = artefact.image_shape
    noise = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    for image_name, image in {"a black image": np.zeros(shape, "uint8"), "noise": noise}.items():
        for name, answer in artefact.answer(image[None]).items():
            if answer.ndim == 0 or len(answer) != 1:
                raise UserError(
                    f"It answers one image with an array {answer.shape}, and not (1, ...)."
                )
            if not np.isfinite(answer).all():
                raise UserError(
                    f"It answers {image_name} with something that is not a finite number."
                )
            if name == PROBABILITIES and answer.ndim == 2:
                _check_probabilities(artefact, image_name, answer)


def _check_probabilities(artefact, image_name, answer):
    count, least, total = answer.shape[1], float(answer.min()), float(answer.sum())
    artefact.names_of(count)
    # Half a step of a byte for each class.
    if abs(total - 1) > 0.01 + count / 512 or least < -0.01:
        raise UserError(
            f"Its answers are no probabilities of {count} classes: on {image_name} the least is "
            f"{least:.3g} and their sum is {total:.3g}."
        )
