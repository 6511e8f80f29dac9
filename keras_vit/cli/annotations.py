"""Draws the masks and boxes of samples on their images."""

import numpy as np

from keras_vit.tasks.palette import coloured, overlay, palette

LINE, LETTERS = 2, 8  # points


def with_masks(images, masks, names=()):
    """Lays coloured masks over images.

    Args:
        images: The batch `(B, H, W, C)`, 0 to 255.
        masks: Ids of classes `(B, H, W)`.
        names: Names of the classes; without them, every id below void, 255, is one.

    Returns:
        Images `(B, H, W, 3)`, uint8.
    """
    from keras_vit.data.augment import VOID

    count = len(names) or 1 + int(masks[masks != VOID].max(initial=0))
    return np.stack(
        [overlay(x, coloured(mask, count)) for x, mask in zip(images, masks, strict=True)]
    )


def draw_boxes(axis, boxes, labels, names):
    """Draws boxes and the names of their classes over an image.

    Args:
        axis: The axes of Matplotlib that show the image, a pixel of it per unit.
        boxes: Corners `(M, 4)` in pixels from the corner of the image.
        labels: Classes `(M,)`; -1 where there is no box. Boxes that are ignored are grey.
        names: Names of the classes.
    """
    from matplotlib.patches import Rectangle

    from keras_vit.data.ignored_boxes import class_of, is_ignored

    colours = np.concatenate([palette(len(names)), [[128] * 3]]) / 255  # the last of no class
    for (left, top, right, bottom), label in zip(boxes - 0.5, labels, strict=True):
        if label == -1:
            continue
        is_out, label = is_ignored(label), class_of(label)
        colour = colours[len(names) if is_out else min(label, len(names))]
        corner, sides = (left, top), (right - left, bottom - top)
        axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=LINE))
        axis.text(
            left,
            top,
            names[label] if label < len(names) else str(label),
            fontsize=LETTERS,
            color="white",
            verticalalignment="top",
            bbox=dict(facecolor=colour, edgecolor="none", pad=0.5, alpha=0.8),
            parse_math=False,
            clip_on=True,
        )
