"""What TensorBoard shows besides the curves: pictures and hyperparameters."""

import io
from pathlib import Path

import tensorflow as tf

from keras_vit.images.gallery import gallery_figure


def log_gallery(log_dir, images, titles, *, name="training images", columns=4):
    """Writes a gallery of images with their titles under TensorBoard's tab Images.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        images: Batch `(B, H, W, C)`, 0 to 255, one or three channels.
        titles: `B` texts.
        name: Name of the gallery in TensorBoard.
        columns: Pictures per row; TensorBoard shrinks wide ones.
    """
    log_figure(log_dir, name, gallery_figure(images, titles, columns=columns))


def log_figure(log_dir, name, figure, *, step=0):
    """Writes a Matplotlib figure under TensorBoard's tab Images.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        name: Name of the picture in TensorBoard.
        figure: A `matplotlib.figure.Figure`.
        step: Number of steps that the model had done.
    """
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    image = tf.io.decode_png(png.getvalue(), channels=3)[None]
    with tf.summary.create_file_writer(str(Path(log_dir, "pictures"))).as_default():
        tf.summary.image(name, image, step=step)


def log_hyperparameters(log_dir, hyperparameters, metrics):
    """Writes one run's row under TensorBoard's tab HParams.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        hyperparameters: Values by name. A value that is no number, string or boolean is written as
            a string.
        metrics: The run's final metrics, numbers by name.
    """
    from tensorboard.plugins.hparams import api as hparams

    with tf.summary.create_file_writer(str(Path(log_dir, "hparams"))).as_default():
        hparams.hparams(
            {
                name: value if isinstance(value, (bool, int, float, str)) else str(value)
                for name, value in hyperparameters.items()
            },
            trial_id=Path(log_dir).name,
        )
        for name, value in metrics.items():
            tf.summary.scalar(name, value, step=0)
