"""Pictures that are put together from quarters of four neighbours, with their masks and boxes."""

import tensorflow as tf

from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.move import size_of
from keras_vit.data.augment.rectangle import paste
from keras_vit.errors import UserError

GROUP = 4
TAKEN = {"image", "mask", "boxes", "box_labels"}


def mosaic(sample, keys, *, rate=1.0, least_area=0.25):
    """Puts each picture together from four: its own upper left, and the other corners of three.

    After "YOLOv4" (arXiv:2004.10934, section 3.3). Pictures `4j` to `4j + 3` are one group, so a
    worker whose share is divisible by four needs no pictures of other workers. The point where the
    quarters meet is uniform in the middle half of each side. Pixels stay where they are: crop and
    scale the pictures before.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples with `image` and any of `mask`, `boxes`
            and `box_labels`. `B` must be divisible by four.
        keys: One per example, uint64 `(B,)`.
        rate: Share of the pictures that are put together; the others stay as they are.
        least_area: Share of its area that a box must keep, or else it is dropped.

    Returns:
        A batch of the same structure and dtypes. There are four times as many boxes; a dropped one
        is zeros with the label -1.

    Raises:
        ValueError: If `rate` lies outside of [0, 1], `B` is not divisible by four, or a sample
            holds something else.
    """
    if not 0 <= rate <= 1:
        raise UserError(f"`rate` must lie in [0, 1]: received rate={rate}.")
    if not isinstance(sample, dict):
        return mosaic({"image": sample}, keys, rate=rate)["image"]
    if "image" not in sample or not sample.keys() <= TAKEN:
        raise UserError(
            "`mosaic` takes samples with image, mask, boxes and box_labels: received "
            f"{', '.join(sample)}."
        )
    sample = {name: tf.convert_to_tensor(array) for name, array in sample.items()}
    count = sample["image"].shape[0]
    if count is None or count % GROUP:
        raise UserError(f"`mosaic` takes batches divisible by four: received {count} pictures.")
    height, width = size_of(sample)
    draws = uniform(keys, 3)
    together = draws[:, 0] < rate

    def meeting(draw, side):
        return tf.where(together, tf.cast((0.25 + 0.5 * draw) * side, tf.int32), side)

    row, column = meeting(draws[:, 1], height), meeting(draws[:, 2], width)
    none, bottom, right = (tf.fill(tf.shape(row), edge) for edge in (0, height, width))
    quarters = [  # top, bottom, left, right
        (none, row, none, column),
        (none, row, column, right),
        (row, bottom, none, column),
        (row, bottom, column, right),
    ]
    others = [tf.range(count) ^ place for place in range(GROUP)]
    made = dict(sample)
    for name in ("image", "mask"):
        if name in sample:
            made[name] = _pasted(sample[name], quarters, others)
    if "boxes" in sample:
        parts = [
            _boxes_within(sample, *pair, least_area) for pair in zip(quarters, others, strict=True)
        ]
        boxes, labels = zip(*parts, strict=True)
        made["boxes"] = tf.concat(boxes, axis=1)
        if "box_labels" in sample:
            made["box_labels"] = tf.concat(labels, axis=1)
    return made


def _pasted(pixels, quarters, others):
    """Pastes quarters of neighbours, images `(B, H, W, C)` or masks `(B, H, W)`."""
    images = pixels if len(pixels.shape) == 4 else pixels[..., None]
    made = images
    for quarter, places in zip(quarters[1:], others[1:], strict=True):
        made = paste(made, tf.gather(images, places), *quarter)
    return tf.reshape(made, tf.shape(pixels))


def _boxes_within(sample, quarter, places, least_area):
    """Crops the boxes of neighbours to a quarter: boxes `(B, M, 4)` and labels `(B, M)`."""
    boxes = tf.gather(sample["boxes"], places)
    top, bottom, left, right = (tf.cast(edge, tf.float32)[:, None] for edge in quarter)
    low, high = tf.stack([left, top], axis=2), tf.stack([right, bottom], axis=2)
    corners = boxes[..., :2], boxes[..., 2:]
    inside = tf.concat([tf.clip_by_value(corner, low, high) for corner in corners], axis=2)
    area, whole = _area(inside), _area(boxes)
    kept = (area > 0) & (area >= least_area * whole)
    labels = sample.get("box_labels")
    if labels is not None:
        labels = tf.gather(labels, places)
        labels = tf.where(kept, labels, tf.cast(-1, labels.dtype))
    return tf.where(kept[..., None], inside, 0.0), labels


def _area(boxes):
    return tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
