"""What the tasks share whose answer is a picture: `image`, scored, drawn and named alike."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.bicubic import to_uint8
from keras_vit.tasks.result import Result


def image_of(answers, task):
    """Returns the pictures that a model answers with.

    Args:
        answers: Arrays by name.
        task: What answers, for messages.

    Returns:
        The array called `image`.

    Raises:
        ValueError: If there is none.
    """
    if "image" not in answers:
        raise UserError(f"{task} answers with `image`: received {', '.join(answers)}.")
    return answers["image"]


def true_and_restored(pairs, task):
    """Yields each true picture and the restored one as uint8, of pairs of answers and truth."""
    for answers, truth in pairs:
        for true, each in zip(truth, image_of(answers, task), strict=True):
            yield true, each if each.dtype == np.uint8 else to_uint8(each)


def result_of(score):
    """Turns a `RestorationScore` into a `Result`.

    Raises:
        ValueError: If no picture was scored.
    """
    if not len(score.pictures):
        raise UserError("There is no image to answer.")
    return Result(
        figures=score.figures,
        count=len(score.pictures),
        each=score.pictures[:, 0],
        figures_of=score.figures_of,
    )


def as_given(restored, given):
    """Returns a restored picture `(H, W, C)`, uint8, of `given` channels.

    A grey picture stays grey, whatever colours the model gives it.
    """
    return restored if given == restored.shape[2] else to_uint8(restored.mean(-1, keepdims=True))


def drawn(image, name):
    """Returns a restored picture `(H, W, C)` as a `PIL.Image` by its name."""
    from PIL import Image

    pixels = to_uint8(image)
    return {name: Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])}


def size_in_words(image):
    """Describes a restored picture `(H, W, C)`, as `Task.words` does."""
    height, width, _ = image.shape
    return [{"name": f"{width} x {height} pixels"}]
