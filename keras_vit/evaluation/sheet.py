"""Pictures beside what is true of them and what a model answered."""

import numpy as np

from keras_vit.images.gallery import gallery_figure

DPI = 100


def sheet_figure(task, examples):
    """Draws a row for each example: the picture, the truth on it, and the answer.

    Args:
        task: A `keras_vit.tasks.Task` with `picture` and `show`.
        examples: Tuples of an image `(H, W, C)`, uint8, its truth, its answers (arrays without the
            axis of the batch, by name) and a title.

    Returns:
        A Matplotlib figure.

    Raises:
        ValueError: If Matplotlib is not installed; the sentence names the extra that is missing.
    """
    images, titles = [], []
    for image, truth, answers, title in examples:
        answered = next(iter(task.show(image, answers).values()))
        whole = np.broadcast_to(image, (*image.shape[:2], 3))
        images += [whole, task.picture(image, truth), np.asarray(answered.convert("RGB"))]
        titles += [title, "truth", "answer"]
    scale = max(1, max(images[0].shape[:2]) / DPI)
    return gallery_figure(np.stack(images), titles, columns=3, scale=scale)
