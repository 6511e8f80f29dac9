"""Counts the boxes that no training and no score sees, because they are none of their picture."""

import numpy as np

from keras_vit.errors import first_few


def note_on_left_out(boxes, sizes, names):
    """Describes which boxes are left out of what is learned and scored, and why.

    A box that reaches out of its picture is cropped there; only one that lies outside as a whole is
    left out.

    Args:
        boxes: Corners `(m, 4)` for each of `N` pictures, `(x_min, y_min, x_max, y_max)` in pixels,
            without places that hold no box.
        sizes: Height and width of each picture `(N, 2)`; zeros where they are not known.
        names: A name for each picture `(N,)`.

    Returns:
        A list of one sentence, for `Source.notes`; empty where no box is left out.
    """
    counts = [len(each) for each in boxes]
    if not sum(counts):
        return []
    places = np.repeat(np.arange(len(counts)), counts)
    corners = np.concatenate([np.reshape(each, (-1, 4)) for each in boxes])
    low, high = corners[:, :2], corners[:, 2:]
    limits = np.asarray(sizes, float)[places, ::-1]  # x y
    limits = np.where(limits > 0, limits, np.inf)
    is_inverted = (low > high).any(axis=1)
    is_flat = ~is_inverted & (low == high).any(axis=1)
    is_outside = ~is_inverted & ~is_flat & ((high <= 0) | (low >= limits)).any(axis=1)
    kinds = {
        "with inverted corners": is_inverted,
        "without area": is_flat,
        "outside of the picture": is_outside,
    }
    out = is_inverted | is_flat | is_outside
    if not out.any():
        return []
    pictures = [names[place] for place in np.unique(places[out])]
    reasons = ", ".join(f"{mask.sum():,} {what}" for what, mask in kinds.items() if mask.any())
    return [
        f"Boxes left out: {out.sum():,} of {len(pictures):,} pictures ({first_few(pictures)}): "
        f"{reasons}."
    ]
