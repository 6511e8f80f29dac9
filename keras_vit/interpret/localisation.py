"""Whether maps point at what they explain: the pointing game."""

import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.perturbation import enlarged

TOLERANCE = 15  # pixels, of the paper
PARTS = 4  # pictures of a mosaic


def pointing_game(maps, regions, *, tolerance=TOLERANCE):
    """Says which maps have their maximum in the region of what they explain.

    "Top-down Neural Attention by Excitation Backprop" (arXiv:1608.00507, section 4.1).

    Args:
        maps: Maps `(B, h, w)`, of any size, which are enlarged to the regions.
        regions: Where the object is, booleans `(B, H, W)`: a mask, or a box that is filled.
        tolerance: How many pixels outside of its region a maximum still counts as within.

    Returns:
        Booleans `(B,)`; a map without differences points nowhere.

    Raises:
        ValueError: If a region is empty, or there are not as many regions as maps.
    """
    from scipy import ndimage

    regions = np.asarray(regions, bool)
    if len(regions) != len(maps) or not regions.any((1, 2)).all():
        raise UserError(
            f"Each map needs a region that is not empty: received {len(maps)} maps and "
            f"{int(regions.any((1, 2)).sum())} such regions."
        )
    values = enlarged(maps, regions.shape[1:]).reshape(len(regions), -1)
    away = np.stack([ndimage.distance_transform_edt(~region) for region in regions])
    at = away.reshape(len(regions), -1)[np.arange(len(regions)), values.argmax(1)]
    return (at <= tolerance) & (np.ptp(values, axis=1) > 0)


def mosaics(images, classes):
    """Puts images into mosaics of two by two, each at half of its size.

    Whoever explains the class of one of the four should point at its quarter: a pointing game of
    pictures without boxes, as the grid of "Convolutional Dynamic Alignment Networks for
    Interpretable Classifications" (arXiv:2104.00032, section 4.2).

    Args:
        images: Images `(B, H, W, C)`, 0 to 255. What is left of a division of `B` by four is left
            out.
        classes: The class of each, `(B,)`.

    Returns:
        The mosaic that each image is in, `(n, H, W, C)`, float32, and where its class is within it,
        booleans `(n, H, W)`: the quarter of the image, and those of images of the same class. `n`
        is a multiple of four.
    """
    count, height, width, channels = np.shape(images)
    count -= count % PARTS
    rows, columns = height // 2, width // 2
    small = ops.image.resize(
        ops.cast(images[:count], "float32"), (rows, columns), "bilinear", antialias=True
    )
    small = ops.convert_to_numpy(small).reshape(-1, PARTS, rows, columns, channels)
    joined = np.zeros((len(small), height, width, channels), "float32")
    regions = np.zeros((PARTS, height, width), bool)
    for part in range(PARTS):
        top, left = part // 2 * rows, part % 2 * columns
        within = slice(top, top + rows), slice(left, left + columns)
        joined[:, *within] = small[:, part]
        regions[part, *within] = True
    classes = np.reshape(classes[:count], (-1, PARTS))
    alike = classes[:, :, None] == classes[:, None]
    where = np.einsum("nij,jhw->nihw", alike, regions).reshape(-1, height, width)
    return np.repeat(joined, PARTS, axis=0), where
