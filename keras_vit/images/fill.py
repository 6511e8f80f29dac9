"""Holes in pictures of any size, filled by a model of images of one size."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_vit.images.bicubic import bicubic
from keras_vit.images.holes import with_alpha
from keras_vit.images.tiles import TILES, checked

AROUND = 2  # sides of a window, in the thickness of the part of a hole in its middle
EDGE = 8  # share of a window at its edge, 1 / 8, in which no further part is filled


def fill_in_windows(
    answer: Callable[[np.ndarray], np.ndarray], picture, missing, *, size
) -> np.ndarray:
    """Fills holes of a picture of any size by a model of images of one size.

    Each connected part of the hole is filled in a window of the size of the model's images, with
    the part in its middle. A part that is thicker than half of that gets a window that is two,
    three or more times as large, which the model sees shrunk; what it answers is enlarged by
    bicubic. A part that is thin and long is filled piece by piece. Windows stay within the picture;
    one that is larger is continued as in a mirror.

    Args:
        answer: Fills images with alpha `(B, h, w, C+1)`, uint8, and returns `(B, h, w, C)`, 0 to
            255, of any dtype.
        picture: The picture `(H, W, C)`, uint8.
        missing: Which of its pixels are missing, booleans `(H, W)`.
        size: Height and width `(h, w)` of the images that `answer` takes.

    Returns:
        The picture `(H, W, C)`, uint8; known pixels are as they were.

    Raises:
        ValueError: If an answer has another size, or holds numbers that are not finite.
    """
    labels, parts = _parts(missing, size)
    windows = list(_windows(parts, missing.shape, size))
    filled = np.array(picture)
    for first in range(0, len(windows), TILES):
        chosen = windows[first : first + TILES]
        images = [_seen(picture, missing, corner, scale, size) for corner, scale, _ in chosen]
        answers = checked(answer(np.stack(images)), (len(chosen), *size, picture.shape[2]))
        for each, ((top, left), scale, inside) in zip(answers, chosen, strict=True):
            large = bicubic(each, scale) if scale > 1 else each
            where = slice(top, top + large.shape[0]), slice(left, left + large.shape[1])
            holes = np.isin(labels[where], inside)
            filled[where][holes] = large[: holes.shape[0], : holes.shape[1]][holes]
    return filled


class _Part(NamedTuple):
    """A part of a hole: its label, where it lies, and by how much its window is shrunk."""

    label: int
    box: tuple[slice, slice]
    scale: int


def _parts(missing, size):
    """Returns the label of each missing pixel, and the parts, the least shrunk first."""
    from scipy import ndimage

    whole, count = ndimage.label(missing, np.ones((3, 3)))
    spans = [[span.stop - span.start for span in box] for box in ndimage.find_objects(whole)]
    to_known = ndimage.distance_transform_edt(missing)
    deepest = ndimage.maximum(to_known, whole, range(1, count + 1))
    thickness = np.minimum(2 * deepest, np.min(spans, axis=1))
    scales = np.ceil(AROUND * thickness / min(size)).astype(int)
    room = np.maximum(1, scales[:, None] * size // AROUND)  # sides of the largest part
    is_long = (spans > room).any(1)

    rows, columns = np.nonzero(missing)
    belongs = whole[rows, columns] - 1
    key = belongs.astype(np.int64)  # one for each part
    for places, side, length in zip((rows, columns), room.T, missing.shape, strict=True):
        key = key * length + np.where(is_long[belongs], places // side[belongs], 0)
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    labels = np.zeros_like(whole)
    labels[rows, columns] = number + 1
    boxes = ndimage.find_objects(labels)
    parts = map(_Part, range(1, len(boxes) + 1), boxes, scales[belongs[first]].tolist())
    return labels, sorted(parts, key=lambda part: part.scale)


def _windows(parts, shape, size):
    """Yields windows: corner, by how much they are shrunk, and the labels that they fill."""
    while parts:
        first, scale = parts[0], parts[0].scale
        sides = [scale * side for side in size]
        corner = [
            max(0, min((span.start + span.stop - side) // 2, length - side))
            for span, side, length in zip(first.box, sides, shape, strict=True)
        ]
        inside = [
            part.label
            for part in parts
            if part is first
            or (part.scale == scale and all(map(_is_within, part.box, corner, sides)))
        ]
        yield corner, scale, inside
        parts = [part for part in parts if part.label not in inside]


def _is_within(span, start, side):
    """Says whether a part lies in a window, not at its edge, where a model sees less around it."""
    edge = side // EDGE
    return start + edge <= span.start and span.stop <= start + side - edge


def _seen(picture, missing, corner, scale, size):
    """Cuts out a window and shrinks it to an image with alpha `(h, w, C+1)`.

    A pixel of it is the mean of what is known, and missing if anything of it is.
    """
    (top, left), (height, width) = corner, (scale * side for side in size)
    window = picture[top : top + height, left : left + width]
    hole = missing[top : top + height, left : left + width]
    more = [(0, height - window.shape[0]), (0, width - window.shape[1])]
    window = np.pad(window, [*more, (0, 0)], mode="symmetric")
    hole = np.pad(hole, more, mode="symmetric")
    if scale > 1:
        known = ~hole[..., None]
        blocks = (size[0], scale, size[1], scale, -1)
        sums, counts = (each.reshape(blocks).sum((1, 3)) for each in (window * known, known))
        window = np.rint(sums / np.maximum(counts, 1)).astype("uint8")
        hole = counts[..., 0] < scale * scale
    return with_alpha(window, hole)
