"""Pictures of any size through a model of one size: tiles that overlap."""

from collections.abc import Callable, Iterator

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.bicubic import to_uint8

TILES = 16  # that are answered at once


def enlarge_in_tiles(
    answer: Callable[[np.ndarray], np.ndarray], picture, *, tile, scale, margin=8
) -> np.ndarray:
    """Enlarges a picture of any size by a model of images of one size.

    Each tile is answered with the pixels around it, `margin` on each side, whose answers are
    dropped: a model sees less at the edge of an image. At the edge of the picture nothing is
    dropped. A picture that is smaller than a tile is continued as in a mirror, and cropped again.

    Args:
        answer: Enlarges images `(B, h, w, C)`, 0 to 255, to `(B, scale*h, scale*w, C)`, of any
            dtype.
        picture: The picture `(H, W, C)`, uint8.
        tile: Height and width `(h, w)` of the images that `answer` takes.
        scale: By how much `answer` enlarges.
        margin: Pixels on each side of a tile whose answers are dropped.

    Returns:
        The enlarged picture `(scale*H, scale*W, C)`, uint8, rounded.

    Raises:
        ValueError: If the picture has no pixel, the margins leave nothing of a tile, or the answer
            has another size or holds numbers that are not finite.
    """
    picture = np.asarray(picture)
    height, width, channels = picture.shape
    if not min(height, width):
        raise UserError(f"A picture must have pixels: received {height}x{width}.")
    if not 0 <= 2 * margin < min(tile):
        raise UserError(
            f"`margin` must leave something of a tile: received margin={margin}, "
            f"tile {tile[0]}x{tile[1]}."
        )
    missing = [max(0, least - side) for least, side in zip(tile, (height, width), strict=True)]
    padded = np.pad(picture, [*((0, count) for count in missing), (0, 0)], mode="symmetric")
    large = np.empty((scale * padded.shape[0], scale * padded.shape[1], channels), "uint8")
    rows, columns = (
        list(_spans(length, side, margin))
        for length, side in zip(padded.shape[:2], tile, strict=True)
    )
    places = [(row, column) for row in rows for column in columns]
    for first in range(0, len(places), TILES):
        chosen = places[first : first + TILES]
        tiles = [padded[y : y + tile[0], x : x + tile[1]] for (y, *_), (x, *_) in chosen]
        answers = answer(np.stack(tiles))
        answers = checked(answers, (len(chosen), scale * tile[0], scale * tile[1], channels))
        for each, ((y, *down), (x, *right)) in zip(answers, chosen, strict=True):
            (top, bottom), (left, end) = ((scale * at for at in span) for span in (down, right))
            within = each[top - scale * y : bottom - scale * y, left - scale * x : end - scale * x]
            large[top:bottom, left:end] = within
    return large[: scale * height, : scale * width]


def checked(answers, shape):
    """Checks what tiles are answered with.

    Args:
        answers: An array of any dtype, 0 to 255.
        shape: The shape that it must have.

    Returns:
        The answers as uint8, rounded.

    Raises:
        ValueError: If the shape is another one, or a number is not finite.
    """
    answers = np.asarray(answers)
    if answers.shape != shape:
        raise UserError(f"Tiles must become {shape}: received {answers.shape}.")
    if not np.isfinite(answers).all():
        raise UserError("A tile is answered with something that is not a finite number.")
    return to_uint8(answers)


def _spans(length, side, margin) -> Iterator[tuple[int, int, int]]:
    """Yields where tiles start along one side, and where what is kept of them starts and ends."""
    step = side - 2 * margin
    starts = [*range(0, length - side, step), length - side]
    for start in starts:
        kept = 0 if start == 0 else start + margin
        yield start, kept, length if start == length - side else start + side - margin
