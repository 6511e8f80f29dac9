"""What a sheet shows of an enlarged picture: the part of it that bicubic finds hardest."""

import numpy as np

from keras_vit.images.bicubic import bicubic
from keras_vit.tasks.restore_score import luma, psnr

SIDE = 96  # pixels of the part, at most


def enlarged_panels(small, truth, answer, *, scale):
    """Cuts out the part of a picture in which bicubic is furthest from the truth.

    Args:
        small: The small picture `(h, w, C)`, uint8.
        truth: The large one `(H, W, C)`, uint8, `scale` times as large.
        answer: What a model made of the small one, `(H, W, C)`, uint8.
        scale: By how much the sides grow.

    Returns:
        Four pictures of one size, uint8, a multiple of the scale up to 96 on each side, by what
        they show: the small picture with each pixel as a square, bicubic and the answer with the
        PSNR of the part, and the truth.
    """
    side = SIDE // scale * scale
    simple = bicubic(small, scale)
    error = np.square(luma(truth) - luma(simple).astype(float))
    rows, columns = _hardest(error, side, scale)
    squares = small.repeat(scale, 0).repeat(scale, 1)
    parts = {
        name: whole[rows, columns]
        for name, whole in dict(small=squares, bicubic=simple, answer=answer, truth=truth).items()
    }
    found = {}
    for name, part in parts.items():
        if name in ("bicubic", "answer"):
            name += f" {psnr(luma(parts['truth']), luma(part)):.1f} dB"
        found[name] = part
    return found


def _hardest(error, side, step):
    """Returns rows and columns of the square with the largest sum, at a multiple of a step."""
    sums = np.pad(error, [(1, 0), (1, 0)]).cumsum(0).cumsum(1)
    height, width = (min(side, length) for length in error.shape)
    within = sums[height:, width:] - sums[:-height, width:]
    within += sums[:-height, :-width] - sums[height:, :-width]
    within = within[::step, ::step]
    top, left = step * np.array(np.unravel_index(np.argmax(within), within.shape))
    return slice(top, top + height), slice(left, left + width)
