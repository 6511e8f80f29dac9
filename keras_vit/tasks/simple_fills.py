"""Simple ways to fill holes, to be scored beside a model."""

import numpy as np

from keras_vit.errors import needs_extra
from keras_vit.images.holes import colours, missing_in

RADIUS = 3  # pixels around a missing one that Telea's method looks at


def mean_fill(images):
    """Fills holes with the mean colour of what is known.

    Args:
        images: Images with alpha `(B, H, W, C+1)`, 0 to 255.

    Returns:
        A dictionary of `image`, `(B, H, W, C)`, uint8.
    """
    return {"image": np.stack([_mean_filled(colours(x), missing_in(x)) for x in images])}


def telea_fill(images):
    """Fills holes from their border on, by OpenCV.

    "An Image Inpainting Technique Based on the Fast Marching Method" (A. Telea, 2004).

    Args:
        images: Images with alpha `(B, H, W, C+1)`, uint8, `C` 1 or 3.

    Returns:
        A dictionary of `image`, `(B, H, W, C)`, uint8.

    Raises:
        ValueError: If OpenCV is not installed.
    """
    with needs_extra("restore"):
        import cv2

    return {
        "image": np.stack(
            [
                cv2.inpaint(
                    np.ascontiguousarray(colours(x), "uint8"),
                    missing_in(x).astype("uint8"),
                    RADIUS,
                    cv2.INPAINT_TELEA,
                ).reshape(*x.shape[:2], -1)
                for x in images
            ]
        )
    }


BASELINES = {"mean of what is known": mean_fill, "OpenCV's Telea": telea_fill}


def _mean_filled(picture, missing):
    mean = np.rint(picture[~missing].mean(axis=0))
    return np.where(missing[..., None], mean, picture).astype("uint8")
