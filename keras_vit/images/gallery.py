"""Pictures with their class names, in rows."""

import numpy as np

from keras_vit.errors import needs_extra


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
    with needs_extra("recipes"):
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


def titles_of(labels, class_names):
    """Returns a title per label: the class's name, of a soft label all names with their shares.

    Args:
        labels: Classes `(B,)`, or probabilities `(B, K)`. Shares below a tenth are left out: label
            smoothing is no mixture.
        class_names: Names in the order of the labels.
    """
    if np.ndim(labels) == 1:
        return [class_names[label] for label in labels]
    return [_mixture(probabilities, class_names) for probabilities in labels]


def _mixture(probabilities, class_names):
    order = np.argsort(-probabilities, kind="stable")
    order = [index for index in order if probabilities[index] >= 0.1]
    if len(order) == 1:
        return class_names[order[0]]
    return "\n".join(f"{class_names[index]} {probabilities[index]:.2f}" for index in order)
