"""What is wrong with the mask or the boxes of a picture, as sentences."""

import numpy as np

from keras_vit.errors import first_few


def wrong_mask(mask, size):
    """Describes a mask that differs in size from its picture.

    Args:
        mask: Ids `(h, w)`.
        size: Height and width of the picture in pixels.

    Returns:
        A sentence, or `None` where the mask fits.
    """
    if mask.shape == size:
        return None
    sides = "The mask has {1}x{0} pixels and the picture {3}x{2}."
    return sides.format(*mask.shape, *size)


def wrong_boxes(boxes, size):
    """Describes boxes that reach outside of their picture, or have no area.

    Args:
        boxes: Corners `(M, 4)` in pixels, without places that hold no box.
        size: Height and width of the picture in pixels.

    Returns:
        A sentence, or `None` where all fit.
    """
    height, width = size
    low, high = boxes[:, :2], boxes[:, 2:]
    flat = (high <= low).any(axis=1)
    outside = ~flat & ((low < 0).any(axis=1) | (high > (width, height)).any(axis=1))
    sentences = [
        f"{what}: {mask.sum()} of {len(boxes)} ({_corners(boxes[mask][0])})."
        for what, mask in {
            f"Boxes that reach outside of the picture of {width}x{height} pixels": outside,
            "Boxes without area": flat,
        }.items()
        if mask.any()
    ]
    return " ".join(sentences) or None


def wrong_ids(ids, count, void=None):
    """Describes ids that belong to no class.

    Args:
        ids: Distinct integers.
        count: Number of classes `K`.
        void: The id that marks what belongs to no class, or `None`.

    Returns:
        A sentence, or `None` where all are classes or void.
    """
    strange = [int(x) for x in np.unique(ids) if not 0 <= x < count and x != void]
    few = first_few([str(x) for x in strange])
    return f"Classes must lie in [0, {count}): received {few}." if strange else None


def _corners(box):
    return "{:.10g}, {:.10g} to {:.10g}, {:.10g}".format(*box.tolist())
