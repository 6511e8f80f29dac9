"""Pictures with their class names, in rows."""

import numpy as np


def gallery_figure(images, titles, *, columns=8, scale=1):
    """Draws images `(B, H, W, C)`, 0 to 255, in rows, with a title above each.

    Args:
        images: The batch, `C` 1 or 3.
        titles: `B` texts.
        columns: Images per row; the last images are left out where they do not fill a row.
        scale: Height of a row in inches.

    Returns:
        A Matplotlib figure.

    Raises:
        ValueError: If Matplotlib is not installed; the sentence names the extra that is missing.
    """
    import matplotlib

    matplotlib.use("Agg")
    import keras_cv
    from matplotlib import pyplot

    images = np.broadcast_to(images, (*images.shape[:3], 3))
    columns = min(columns, len(images))
    rows = len(images) // columns
    figure = keras_cv.visualization.plot_image_gallery(
        images[: rows * columns], value_range=(0, 255), rows=rows, cols=columns, scale=scale
    )
    figure.set_frameon(True)  # on a transparent background the letters would be jagged
    for axis, title in zip(figure.axes, titles, strict=False):
        axis.set_title(title, fontsize=8, parse_math=False)
    pyplot.close(figure)  # pyplot would keep it for ever
    return figure
