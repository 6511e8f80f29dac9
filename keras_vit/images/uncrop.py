"""Puts a map of what a model saw back on the whole picture."""

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
