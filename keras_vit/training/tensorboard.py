"""What TensorBoard shows beside the curves: pictures and hyperparameters."""

import io
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vit.gallery import gallery_figure, titles_of

NAMED = 100  # classes of a confusion matrix that are written out


def log_gallery(log_dir, images, labels, class_names, *, name="training images", columns=8):
    """Writes a gallery of images with their class names under TensorBoard's tab Images.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        images: Batch `(B, H, W, C)`, 0 to 255, one or three channels.
        labels: Classes `(B,)`, or soft labels `(B, K)`.
        class_names: Names in the order of the labels.
        name: Tag of the picture.
        columns: Pictures per row; what does not fill a row is left out.
    """
    figure = gallery_figure(images, titles_of(labels, class_names), columns=columns)
    _log_figure(log_dir, name, figure)


def log_confusion_matrix(log_dir, labels, predictions, class_names, *, name="confusion matrix"):
    """Writes a confusion matrix, rows true and columns predicted, under TensorBoard's tab Images.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        labels: True classes `(N,)`.
        predictions: Predicted classes `(N,)`.
        class_names: Names in the order of the labels.
        name: Tag of the picture.
    """
    _log_figure(log_dir, name, confusion_figure(labels, predictions, class_names))


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


def log_hyperparameters(log_dir, hyperparameters, metrics):
    """Writes one run's row of TensorBoard's tab HParams.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        hyperparameters: From names to values; what is neither number, string nor boolean is
            written as a string.
        metrics: From names to the run's final figures.
    """
    from tensorboard.plugins.hparams import api as hparams

    with tf.summary.create_file_writer(str(Path(log_dir, "hparams"))).as_default():
        hparams.hparams(
            {
                name: value if isinstance(value, (bool, int, float, str)) else str(value)
                for name, value in hyperparameters.items()
            }
        )
        for name, value in metrics.items():
            tf.summary.scalar(name, value, step=0)


def _log_figure(log_dir, name, figure):
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    image = tf.io.decode_png(png.getvalue(), channels=3)[None]
    with tf.summary.create_file_writer(str(Path(log_dir, "pictures"))).as_default():
        tf.summary.image(name, image, step=0)
