"""Moves boxes along with the picture that they are drawn on."""

import tensorflow as tf


def move_boxes(boxes, matrix, size, least_area):
    """Moves boxes `(B, M, 4)`, crops them to the picture, and drops those of which little is left.

    Args:
        boxes: float32, `(x_min, y_min, x_max, y_max)` in pixels from the picture's corner.
        matrix: float32 `(B, 3, 3)`, that of a `keras_vit.data.augment.move.Geometry`, which leads
            from the moved picture back to the old one.
        size: Height and width of the moved picture in pixels.
        least_area: Share of the area of a moved box that must lie in the picture.

    Returns:
        The boxes around the moved corners, zeros where one is dropped, and whether each is kept,
        booleans `(B, M)`. A box without area is dropped.
    """
    boxes = tf.convert_to_tensor(boxes)
    x, y = tf.gather(boxes, [0, 2, 2, 0], axis=2), tf.gather(boxes, [1, 1, 3, 3], axis=2)
    batch, count = tf.unstack(tf.shape(boxes)[:2])
    # The matrix counts from the middle of the first pixel, boxes from its corner.
    corners = tf.stack([x - 0.5, y - 0.5, tf.ones_like(x)], axis=3)
    corners = tf.reshape(corners, (batch, 4 * count, 3))
    moved = tf.matmul(corners, tf.linalg.inv(matrix), transpose_b=True)[..., :2] + 0.5
    moved = tf.reshape(moved, (batch, count, 4, 2))  # B M corner xy
    low, high = tf.reduce_min(moved, axis=2), tf.reduce_max(moved, axis=2)

    height, width = size
    limits = tf.cast(tf.stack([width, height]), tf.float32)
    inside = tf.clip_by_value(low, 0.0, limits), tf.clip_by_value(high, 0.0, limits)
    left = tf.reduce_prod(inside[1] - inside[0], axis=2)
    kept = (left > 0) & (left >= least_area * tf.reduce_prod(high - low, axis=2))
    kept &= tf.reduce_all(boxes[..., :2] < boxes[..., 2:], axis=2)  # moved, rounding adds an area
    return tf.where(kept[..., None], tf.concat(inside, axis=2), 0.0), kept
