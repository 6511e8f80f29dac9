"""Maps that know nothing of the model, which an explanation should be better than."""

import zlib

import numpy as np


def random_map(images, *, seed=0):
    """Draws a number for each pixel.

    Args:
        images: Images `(B, H, W, C)`.
        seed: Seed of the numbers, which depend on the image as well.

    Returns:
        Maps `(B, H, W)`, float32, from 0 to 1.
    """
    images = np.asarray(images, "float32")
    seeds = ([seed, zlib.crc32(image.tobytes())] for image in images)
    maps = [np.random.default_rng(each).random(images.shape[1:3], "float32") for each in seeds]
    return np.stack(maps)


def centre_blob(images):
    """Draws a bell in the middle: most photographs show what they are about there.

    Args:
        images: Images `(B, H, W, C)`.

    Returns:
        Maps `(B, H, W)`, float32, whose standard deviation is a quarter of each side.
    """
    count, *size = np.shape(images)[:3]
    rows, columns = (4 * ((np.arange(side) + 0.5) / side - 0.5) for side in size)
    blob = np.exp(-(rows[:, None] ** 2 + columns**2) / 2).astype("float32")
    return np.broadcast_to(blob, (count, *size))


def edges(images):
    """Draws how much the brightness changes around each pixel.

    Args:
        images: Images `(B, H, W, C)`.

    Returns:
        Maps `(B, H, W)`, float32: the length of Sobel's gradient, smoothed by a Gaussian whose
        standard deviation is a fiftieth of the shorter side.
    """
    from scipy import ndimage

    grey = np.asarray(images, "float32").mean(-1)
    slopes = [ndimage.sobel(grey, axis=axis) for axis in (1, 2)]
    spread = min(grey.shape[1:]) / 50
    return ndimage.gaussian_filter(np.hypot(*slopes), (0, spread, spread))


CONTROLS = {"random": random_map, "centre blob": centre_blob, "edges": edges}
