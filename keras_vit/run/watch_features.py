"""What features are like while a backbone trains without labels."""

from collections.abc import Callable

import keras
import numpy as np

from keras_vit.tasks.spread import spread_of

PICTURES = 256


class WatchFeatures(keras.callbacks.Callback):
    """Adds `effective_rank` and `feature_spread` of some pictures to the logs of each epoch.

    Args:
        batches: A `tf.data.Dataset` of images `(B, H, W, C)`.
        features_of: Turns the model that trains into one from images to features `(B, D)`.
    """

    def __init__(self, batches, features_of: Callable[[keras.Model], keras.Model]):
        super().__init__()
        self.batches = batches
        self.features_of = features_of

    def on_epoch_end(self, epoch, logs=None):
        features = self.features_of(self.model)
        found = [features(images, training=False) for images in self.batches.as_numpy_iterator()]
        logs.update(spread_of(np.concatenate([keras.ops.convert_to_numpy(x) for x in found])))


def watch_features(config, source, preprocessing, features_of):
    """Makes the callback for some of the training pictures of a source.

    Args:
        config: A recipe's `Training`.
        source: A `keras_vit.data.Source`.
        preprocessing: The `Preprocessing` of evaluation, or `None` for images in memory.
        features_of: As `WatchFeatures` takes it.

    Returns:
        A `WatchFeatures`.
    """
    from keras_vit.data import BrokenPictures, fitted_batches

    split = source.splits["train"]
    some = split.drawn(min(PICTURES, split.count), config.seed)
    how = dict(batch_size=64, example=lambda sample: sample["image"], broken=BrokenPictures())
    return WatchFeatures(fitted_batches(some, preprocessing, **how), features_of)
