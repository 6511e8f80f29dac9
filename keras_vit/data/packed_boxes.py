"""The boxes of samples and their classes as one tensor."""

import tensorflow as tf

from keras_vit.data.ignored_boxes import class_of, ignored, is_ignored
from keras_vit.data.labels import in_range
from keras_vit.errors import UserError


def packed_boxes(sample, num_classes):
    """Packs what lies inside of the images of each box, and its class.

    Args:
        sample: A batch of samples with `image`, `boxes` and `box_labels`.
        num_classes: Number of classes `K`.

    Returns:
        `(B, M, 5)`, float32: `(x_min, y_min, x_max, y_max)` in pixels and the label, as
        `box_labels` has it: the class, or `-2 - class` of a box that is ignored. A place without a
        box has zeros and -1, and so has a box of which nothing lies inside.

    Raises:
        ValueError: If there are no boxes with labels, or labels are not integers.
        tf.errors.InvalidArgumentError: When it runs, if a class does not lie in `[0, K)`.
    """
    if not {"boxes", "box_labels"} <= sample.keys():
        raise UserError(
            f"Samples must have boxes and their labels: received samples with {', '.join(sample)}."
        )
    labels = tf.convert_to_tensor(sample["box_labels"])
    classes = in_range(class_of(labels), num_classes, -1)
    labels = tf.cast(tf.where(is_ignored(labels), ignored(classes), classes), tf.float32)
    boxes = tf.convert_to_tensor(sample["boxes"])
    height, width = tf.unstack(tf.cast(tf.shape(sample["image"])[1:3], tf.float32))
    boxes = tf.clip_by_value(boxes, 0.0, tf.stack([width, height, width, height]))
    is_box = tf.reduce_all(boxes[..., :2] < boxes[..., 2:], axis=-1) & (labels != -1)
    packed = tf.concat([boxes, labels[..., None]], axis=-1)
    return tf.where(is_box[..., None], packed, tf.constant([0.0, 0, 0, 0, -1]))
