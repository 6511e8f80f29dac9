"""Draws a confusion matrix as a picture."""

import numpy as np

NAMED = 100  # with more classes neither names nor numbers are legible


def confusion_figure(labels, predictions, class_names):
    """Draws a confusion matrix, rows true and columns predicted, as a Matplotlib figure.

    Up to `NAMED` classes it shows names and counts; with more these would not be legible, and the
    colours show the share of each true class.

    Args:
        labels: True classes `(N,)`.
        predictions: Predicted classes `(N,)`.
        class_names: Names in the order of the labels.

    Returns:
        A `matplotlib.figure.Figure`.
    """
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
    # Matplotlib would read text between $ as a formula.
    names = [name.replace("$", r"\$") for name in class_names]
    ConfusionMatrixDisplay(counts, display_labels=names).plot(
        ax=figure.subplots(), cmap="Blues", colorbar=False, xticks_rotation="vertical"
    )
    return figure
