"""Puts what a model answers to an image back on the whole picture that the image was made of."""

import numpy as np

from keras_vit.images.uncrop import uncropped, uncropped_boxes
from keras_vit.inference.described import pictures_of

OUTSIDE = 255  # the id of pixels that a model does not see, because its crop leaves them out
BOXES = "boxes"  # the name of answers that are corners in pixels


def has_boxes(answer):
    """Says whether an answer holds boxes.

    Args:
        answer: Arrays by name, without the axis of the batch.
    """
    boxes = answer.get(BOXES, np.zeros(()))
    return boxes.ndim == 2 and boxes.shape[1] == 4


def boxes_on_picture(model, answer, size):
    """Moves the boxes of an answer from the image that the model saw to its whole picture.

    Args:
        model: What has the attribute `preprocessing`, such as an `Artefact`.
        answer: Arrays by name, without the axis of the batch, of which `has_boxes` is true.
        size: Height and width of the picture.

    Returns:
        The answer, with `boxes` `(M, 4)` in pixels of the picture.
    """
    return answer | {BOXES: uncropped_boxes(answer[BOXES], size, model.preprocessing)}


def pictures_on_picture(model, answer, whole):
    """Draws an answer on the whole picture; one for each pixel is enlarged to it.

    Args:
        model: What has the attributes `task`, `class_names`, `options`, `image_shape` and
            `preprocessing`, such as an `Artefact`.
        answer: Arrays by name, without the axis of the batch; boxes in pixels of the picture.
        whole: The picture `(h, w, C)`, uint8.

    Returns:
        `PIL.Image`s by name; none for a task that draws nothing.
    """
    maps = {
        name: uncropped(array, whole.shape[:2], model.preprocessing, OUTSIDE)
        for name, array in answer.items()
        if array.shape == model.image_shape[:2]
    }
    return pictures_of(model, answer | maps, whole)
