"""Pictures with their class names, in rows."""

import numpy as np


def gallery_figure(images, titles, *, columns=8, scale=1):
    """Draws images `(B, H, W, C)`, 0 to 255, with a title above each, as a Matplotlib figure.

    Args:
        images: The batch, one or three channels.
        titles: A text per image.
        columns: Pictures per row; what does not fill a row is left out.
        scale: Height of a row in inches.

    Returns:
        The figure.
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
    figure.set_frameon(True)  # a transparent ground would leave the letters jagged
    for axis, title in zip(figure.axes, titles, strict=False):
        axis.set_title(title, fontsize=8, parse_math=False)
    pyplot.close(figure)  # pyplot would keep it for ever
    return figure
