"""Puts maps and boxes of what a model saw back on the whole picture."""

import numpy as np

from keras_vit.images.crop import placed


def uncropped(ids, size, preprocessing, outside):
    """Enlarges ids `(H, W)` of a cropped image to those of its picture, by the nearest pixel.

    Args:
        ids: Integers for each pixel of the image.
        size: Height and width of the picture before it was resized and cropped.
        preprocessing: How the image was made of it, a `Preprocessing` with an `image_size`.
        outside: The id of what the image does not show.

    Returns:
        Integers `size`, of the same dtype.
    """
    resized, corner = placed(size, preprocessing)
    places = []
    for old, new, start, length in zip(size, resized, corner, ids.shape, strict=True):
        where = np.floor((np.arange(old) + 0.5) * new / old).astype(int) - start
        places.append((where.clip(0, length - 1), (where >= 0) & (where < length)))
    (rows, seen_rows), (columns, seen_columns) = places
    seen = seen_rows[:, None] & seen_columns
    return np.where(seen, ids[rows[:, None], columns], outside).astype(ids.dtype)


def uncropped_boxes(boxes, size, preprocessing):
    """Moves boxes on a cropped image to where they are on its picture.

    Args:
        boxes: `(..., 4)`, `(x_min, y_min, x_max, y_max)` in pixels of the image.
        size: Height and width of the picture before it was resized and cropped.
        preprocessing: How the image was made of it, a `Preprocessing` with an `image_size`.

    Returns:
        Boxes `(..., 4)` in pixels of the picture, and inside of it.
    """
    resized, corner = placed(size, preprocessing)
    scale = np.divide(size, resized)[::-1]  # x y
    corners = (np.asarray(boxes, float).reshape(*np.shape(boxes)[:-1], 2, 2) + corner[::-1]) * scale
    return corners.clip(0, size[::-1]).reshape(np.shape(boxes))
