"""What a file must take and return to be a classifier of ours."""

import numpy as np

from keras_vit.errors import UserError

IMAGES, PROBABILITIES = "images", "probabilities"  # what `keras_vit.export` calls them
NAME = "serving_default"  # of the signature that has them
FLOAT = "float32"


def image_shape_of(inputs, outputs, dtypes=(FLOAT,)):
    """Returns `(H, W, C)` of the images that a signature takes.

    Args:
        inputs: For each input's name its shape, sides of any length as `None`, and its dtype.
        outputs: For each output's name the same.
        dtypes: Dtypes that images may have.

    Returns:
        The shape.

    Raises:
        ValueError: If it takes anything else than images of one size, or gives no probabilities.
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


def one_by_one(predict):
    """Returns a function of images `(B, H, W, C)` that runs `predict` on one at a time."""

    def predict_all(images):
        return np.concatenate([predict(image[None]) for image in np.asarray(images)])

    return predict_all


def check_answer(artefact):
    """Raises a `ValueError` unless a model answers a black image with probabilities.

    Args:
        artefact: An `Artefact`.
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
