"""The classes of a data set as those of a model."""

import tensorflow as tf

from keras_vit.data.ignored_boxes import class_of, ignored, is_ignored
from keras_vit.data.labels import in_range


def relabelled(sample, classes):
    """Replaces the classes of a data set by those of a model in a batch of samples.

    Args:
        sample: A batch of samples.
        classes: The model's class for each of the data set's, integers `(K,)`.

    Returns:
        The samples. Ids in masks and labels of boxes that are no class stay as they are, as void
        does. A box that is ignored stays so.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if a `label` does not lie in `[0, K)`.
    """
    count = len(classes)
    classes = tf.constant(classes, tf.int64)
    changed = {}
    if "label" in sample:
        changed["label"] = tf.gather(classes, in_range(sample["label"], count))

    def moved(ids):
        is_class = (ids >= 0) & (ids < count)
        return tf.where(is_class, tf.gather(classes, tf.clip_by_value(ids, 0, count - 1)), ids)

    if "mask" in sample:
        ids = moved(tf.cast(sample["mask"], tf.int64))
        changed["mask"] = tf.cast(ids, sample["mask"].dtype)
    if "box_labels" in sample:
        labels = tf.cast(sample["box_labels"], tf.int64)
        of_classes = moved(class_of(labels))
        labels = tf.where(is_ignored(labels), ignored(of_classes), of_classes)
        changed["box_labels"] = tf.cast(labels, sample["box_labels"].dtype)
    return sample | changed
