"""Maps drawn over the images that they explain."""

import numpy as np
from PIL import Image

OPAQUE = 0.55  # share of the colours of a map in the picture
HIGHEST = 99.5  # percentile from which on all values have the strongest colour


def overlaid(image, values):
    """Draws a map over an image, in colours of even steps for the eye.

    Args:
        image: Pixels `(H, W, C)`, uint8, `C` 1 or 3.
        values: The map `(h, w)`, of any size, which is enlarged smoothly. One without negative
            values goes from dark to bright; else what is positive is red, and what is negative
            blue.

    Returns:
        Pixels `(H, W, 3)`, uint8.
    """
    from matplotlib import colormaps

    height, width = image.shape[:2]
    smooth = Image.fromarray(np.asarray(values, "float32"))
    smooth = np.asarray(smooth.resize((width, height), Image.Resampling.BICUBIC))
    is_signed = np.min(values) < 0
    limit = max(float(np.percentile(np.abs(smooth), HIGHEST)), np.finfo("float32").tiny)
    scaled = smooth / limit
    if is_signed:
        colours = colormaps["coolwarm"]((scaled + 1) / 2)
    else:
        colours = colormaps["inferno"](scaled)
    grey = image.mean(-1, keepdims=True) if is_signed else image  # colours of its own would mislead
    mixed = (1 - OPAQUE) * grey + OPAQUE * 255 * colours[..., :3]
    return np.clip(np.rint(mixed), 0, 255).astype("uint8")
