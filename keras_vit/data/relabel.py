"""The classes of a data set as those of a model."""

import tensorflow as tf

from keras_vit.data.labels import in_range


def relabelled(sample, classes):
    """Replaces the classes of a data set by those of a model in a batch of samples.

    Args:
        sample: A batch of samples.
        classes: The model's class for each of the data set's, integers `(K,)`.

    Returns:
        The samples. Ids in masks and labels of boxes that are no class stay as they are, as void
        does.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if a `label` does not lie in `[0, K)`.
    """
    count = len(classes)
    classes = tf.constant(classes, tf.int64)
    changed = {}
    if "label" in sample:
        changed["label"] = tf.gather(classes, in_range(sample["label"], count))
    for name in {"mask", "box_labels"} & sample.keys():
        ids = tf.cast(sample[name], tf.int64)
        is_class = (ids >= 0) & (ids < count)
        moved = tf.where(is_class, tf.gather(classes, tf.clip_by_value(ids, 0, count - 1)), ids)
        changed[name] = tf.cast(moved, sample[name].dtype)
    return sample | changed
