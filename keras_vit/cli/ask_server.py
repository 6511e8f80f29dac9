"""Asks a server about pictures: several in one request, or one tile by tile."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_vit.cli.whole_pictures import answered_whole
from keras_vit.errors import UserError, one_line
from keras_vit.images.crop import placed
from keras_vit.inference.described import known_task
from keras_vit.inference.signature import answers_in
from keras_vit.serve.connect import Refused

MOST, LARGEST = 16, 16 * 2**20  # pictures and bytes of one request, which servers accept


class Unanswered(Exception):
    """The server does not answer, so that other pictures need not be sent."""


def answers_of(model, ask: Callable[[list[bytes]], list[dict]], pictures):
    """Yields pictures and their answers; says on standard error why others have none.

    Args:
        model: What the server said of its model, `None` where it said nothing.
        ask: Takes the bytes of pictures and returns outputs by name for each, as
            `keras_vit.serve.connect.connect` returns it.
        pictures: `PictureFile`s.

    Yields:
        Pairs: a picture, and its outputs, arrays by name without the axis of the batch.

    Raises:
        UserError: If the server does not answer, or pictures of its task have holes.
        Unanswered: The same, where a picture is answered tile by tile.
    """
    task = None if model is None else known_task(model, {})
    if task is None or task.whole is None:
        for group in _requests(pictures):
            yield from _answered(ask, group)
        return
    if task.alpha:
        raise UserError(
            "A server takes pictures without alpha, and so no holes: for its task, "
            f"{task.name}, use its page or `keras-vit predict`."
        )
    whole = answered_whole(task, _tiles_to(model, ask), model.image_shape, pictures)
    for picture, answer in whole:
        if isinstance(answer, Exception):
            print(f"keras-vit: {one_line(answer)}", file=sys.stderr)
        else:
            yield picture, answer


def _tiles_to(model, ask):
    """Returns a function that sends images `(B, H, W, C)` as PNGs and returns their answers."""
    size = model.image_shape[:2]
    if placed(size, model.preprocessing) != (size, (0, 0)):
        raise UserError(
            "The server must take tiles as they are: its model crops them, with "
            f"crop_ratio={model.preprocessing.crop_ratio:g}."
        )

    def answer(tiles):
        try:
            outputs = ask([_png(tile) for tile in tiles])
        except Refused:
            raise
        except UserError as error:
            raise Unanswered(str(error)) from error
        answers = [answers_in(each) for each in outputs]
        return {name: np.stack([each[name] for each in answers]) for name in answers[0]}

    return answer


def _png(image):
    file = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(file, "PNG")
    return file.getvalue()


def _answered(ask: Callable[[list[bytes]], list[dict]], group):
    """Yields pairs of a picture and an answer; sends those of a refused group one by one."""
    try:
        answers = ask([content for _, content in group])
    except Refused as error:
        if len(group) > 1:
            for each in group:
                yield from _answered(ask, [each])
        else:
            print(f"keras-vit: {group[0][0].path}: {error}", file=sys.stderr)
        return
    for (picture, _), answer in zip(group, answers, strict=True):
        yield picture, answer


def _requests(pictures):
    """Yields the pictures of each request: lists of pairs of a `PictureFile` and its content."""
    group, size = [], 0
    for picture in pictures:
        try:
            content = Path(picture.path).read_bytes()
        except OSError as error:
            print(f"keras-vit: {picture.path}: {error.strerror}.", file=sys.stderr)
            continue
        if group and (len(group) == MOST or size + len(content) > LARGEST):
            yield group
            group, size = [], 0
        group.append((picture, content))
        size += len(content)
    if group:
        yield group
