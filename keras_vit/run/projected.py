"""Features of pictures, as TensorBoard's projector shows them."""

import keras
import numpy as np
from keras import ops

from keras_vit.run.gallery import row
from keras_vit.run.shown_answers import pixels_of
from keras_vit.tasks.pooled import pooled_of
from keras_vit.training import log_features


def project(task, deployed, batches, log_dir, *, name):
    """Writes the pooled features of pictures under TensorBoard's tab Projector.

    Each point has its picture and what `task.row` says of it: for a classifier the true class, the
    answered one and its probability. A model that does not pool has no such features.

    Args:
        task: The `keras_vit.tasks.Task`.
        deployed: The model, a `keras_vit.tasks.Deployed`.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and their truth.
        log_dir: Folder that `tensorboard --logdir` is given.
        name: Name of the points in TensorBoard, a new one.

    Raises:
        OSError: If a file cannot be written.
    """
    pooled = pooled_of(deployed.model)
    if pooled is None:
        return
    both = keras.Model(deployed.model.input, [pooled, deployed.model.output])
    features, pictures, rows = [], [], []
    for images, truth in batches.as_numpy_iterator():
        vectors, outputs = both(images, training=False)
        features.append(ops.convert_to_numpy(ops.cast(vectors, "float32")))
        pictures.append(pixels_of(images))
        if task.row is not None:
            answers = deployed.named(outputs)
            answers = {key: ops.convert_to_numpy(array) for key, array in answers.items()}
            pairs = (row((truth, answers), place) for place in range(len(images)))
            rows += [task.row(*pair) for pair in pairs]
    log_features(log_dir, name, np.concatenate(features), np.concatenate(pictures), rows)
