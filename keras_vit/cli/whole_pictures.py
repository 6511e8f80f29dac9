"""Pictures of any size, for tasks that answer them whole: not resized, and not cropped."""

import itertools
from collections.abc import Callable

import numpy as np

from keras_vit.errors import UserError, one_line
from keras_vit.images.decode import decode_picture
from keras_vit.images.holes import read_with_hole


def answered_whole(task, answer: Callable[[np.ndarray], dict], shape, pictures, missing=None):
    """Yields each picture and its answers by name, or the error that says why there is none.

    Args:
        task: A `keras_vit.tasks.Task` with `whole`.
        answer: Maps images `(B, H, W, C)`, uint8, to arrays `(B, ...)` by name.
        shape: `(H, W, C)` of these images.
        pictures: `PictureFile`s.
        missing: Which of the pixels are missing, booleans `(h, w)`, for a task with `alpha`.
    """
    for picture in pictures:
        try:
            path = picture.path
            whole = read_with_hole(path, missing) if task.alpha else decode_picture(path)
            yield picture, task.whole(answer, shape, whole)
        except (UserError, OSError) as error:
            yield picture, error


def answer_whole(task, artefact):
    """Returns what answers a batch of one picture of any size.

    Args:
        task: A `keras_vit.tasks.Task` with `whole`.
        artefact: The model, an `Artefact`.

    Returns:
        A function from a picture `(1, h, w, C)` to answers `(1, ...)` by name.
    """

    def answer(images):
        answers = task.whole(artefact.answer, artefact.image_shape, images[0])
        return {name: array[None] for name, array in answers.items()}

    return answer


def whole_batches(task, split, broken):
    """Yields the pictures of a split, one by one, as `keras_vit.data.fitted_batches` numbers them.

    Args:
        task: A `keras_vit.tasks.Task` with `whole_example`.
        split: A split of a `keras_vit.data.Source`.
        broken: A `keras_vit.data.BrokenPictures`, which records what cannot be read or scored.

    Yields:
        Pairs: a picture `(1, h, w, C)` and its truth `(1, ...)`; and its number `(1,)`.
    """
    from keras_vit.data.broken import explained

    for number, read in zip(itertools.count(), split.each(), strict=False):
        try:
            with explained():
                picture = read()["image"]
            picture = decode_picture(picture) if isinstance(picture, bytes) else picture
            image, truth = task.whole_example(picture)
        except (UserError, OSError) as error:
            broken.add(str(split.path(number) if split.named else number), one_line(error))
        else:
            yield (image[None], truth[None]), np.array([number])


def refuse_flags(task, **flags):
    """Refuses flags that say how pictures are resized, cropped or joined.

    Args:
        task: The `keras_vit.tasks.Task`.
        **flags: Their values by name, `None` where they were not passed.

    Raises:
        ValueError: If one was passed.
    """
    for name, value in flags.items():
        if value is not None:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} does not apply to {task.name}, which answers pictures whole, one by one: "
                f"received {value}."
            )
