"""The confusion matrix as a picture."""

import numpy as np

from keras_vit.errors import needs_extra

NAMED = 100  # beyond as many classes neither names nor numbers can be read


def confusion_figure(labels, predictions, class_names):
    """Draws a confusion matrix, rows true and columns predicted, as a Matplotlib figure.

    Beyond `NAMED` classes neither names nor numbers can be read, and a picture of shares is drawn.

    Args:
        labels: True classes `(N,)`.
        predictions: Predicted classes `(N,)`.
        class_names: Names in the order of the labels.

    Returns:
        The figure.
    """
    with needs_extra("recipes"):
        from matplotlib.figure import Figure
        from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    counts = confusion_matrix(labels, predictions, labels=range(len(class_names)))
    if len(class_names) > NAMED:
        figure = Figure(figsize=(10, 10), layout="constrained")
        axes = figure.subplots()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        figure.colorbar(axes.imshow(shares, cmap="Blues", vmin=0, vmax=1), shrink=0.8)
        axes.set(xlabel="predicted class", ylabel="true class")
        return figure
    side = 2 + 0.4 * len(class_names)  # inches
    figure = Figure(figsize=(side, side), layout="constrained")
    names = [name.replace("$", r"\$") for name in class_names]  # no formulas
    ConfusionMatrixDisplay(counts, display_labels=names).plot(
        ax=figure.subplots(), cmap="Blues", colorbar=False, xticks_rotation="vertical"
    )
    return figure
