"""Windows that overlap: a model of small images answers larger ones."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError

STEP = 2 / 3  # of a window's side, at most, from one window to the next


class _Tiles(keras.layers.Layer):
    """Turns images or maps into those of a size `(h, w)`, by the places of windows."""

    def __init__(self, size, places, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.places = tuple(map(tuple, places))

    def compute_output_shape(self, shape):
        return (None, *self.size, shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "places": self.places}


@keras.saving.register_keras_serializable("keras_vit")
class Windows(_Tiles):
    """Cuts images `(B, H, W, C)` into windows `(N*B, h, w, C)` that cover them.

    Args:
        size: Height and width of a window `(h, w)`.
        places: `N` places of the top left corners, pairs of a row and a column.
        **kwargs: Further arguments of `keras.layers.Layer`.
    """

    def call(self, images):
        height, width = self.size
        windows = [images[:, y : y + height, x : x + width] for y, x in self.places]
        return ops.concatenate(windows, axis=0)


@keras.saving.register_keras_serializable("keras_vit")
class Stitch(_Tiles):
    """Joins maps of windows `(N*B, h, w, K)` to maps `(B, H, W, K)`, their mean where they overlap.

    Args:
        size: Height and width of the result `(H, W)`.
        places: As `Windows` takes them.
        **kwargs: Further arguments of `keras.layers.Layer`.
    """

    def call(self, maps):
        height, width = maps.shape[1:3]
        counts = np.zeros((*self.size, 1), "float32")
        parts, rows, total = ops.split(maps, len(self.places), axis=0), {}, 0
        for part, (y, x) in zip(parts, self.places, strict=True):
            counts[y : y + height, x : x + width] += 1
            right = self.size[1] - width - x
            # Windows of one row first, because what is added is then smaller.
            rows[y] = rows.get(y, 0) + ops.pad(part, [[0, 0], [0, 0], [x, right], [0, 0]])
        for y, row in rows.items():
            below = self.size[0] - height - y
            total = total + ops.pad(row, [[0, 0], [y, below], [0, 0], [0, 0]])
        return total * ops.cast(1 / counts, total.dtype)


def windowed(model, size, enlarge=1.0):
    """Makes a model of larger images from one that answers with maps of its images' size.

    Windows lie evenly, at most two thirds of their side apart, and cover the image; where they
    overlap, the answer is their mean, as in "Segmenter" (arXiv:2105.05633). Time and memory grow
    with the number of windows.

    Args:
        model: A `keras.Model` from images `(B, h, w, C)` to maps `(B, h, w, K)`.
        size: Height and width of the larger images `(H, W)` in pixels.
        enlarge: Factor by which images are enlarged before they are cut into windows, by bilinear
            interpolation; the maps are brought back to `size`. Patches then cover less of the
            image, and what is thin is seen better. Or several factors: the mean of the maps at
            each of them is the answer.

    Returns:
        A `keras.Model` from images `(B, H, W, C)` to maps `(B, H, W, K)`, which holds `model`.

    Raises:
        ValueError: If an enlarged image is smaller than a window, or there is no factor.
    """
    factors = enlarge if isinstance(enlarge, list | tuple) else (enlarge,)
    if not factors:
        raise UserError("`enlarge` must be a factor or several: received none.")
    images = keras.Input((*size, model.input_shape[-1]), name="images")
    maps = [
        _at_scale(model, images, size, factor, f"_{place}" if place else "")
        for place, factor in enumerate(factors)
    ]
    x = maps[0] if len(maps) == 1 else keras.layers.Average(name="mean_of_scales")(maps)
    return keras.Model(images, x, name="windowed")


def _at_scale(model, images, size, factor, suffix):
    """Returns the maps `(B, H, W, K)` of images that are enlarged by a factor."""
    window = model.input_shape[1:3]
    height, width = (round(side * factor) for side in size)
    if height < window[0] or width < window[1]:
        raise UserError(
            f"An image must not be smaller than the window {window}: "
            f"received size={tuple(size)}, enlarge={factor}."
        )
    places = [(y, x) for y in _starts(height, window[0]) for x in _starts(width, window[1])]
    x = images
    if factor != 1:
        x = keras.layers.Resizing(height, width, name=f"enlarged{suffix}")(x)
    x = model(Windows(window, places, name=f"windows{suffix}")(x))
    x = Stitch((height, width), places, name=f"stitch{suffix}")(x)
    if factor != 1:
        x = keras.layers.Resizing(*size, name=f"reduced{suffix}")(x)
    return x


def _starts(length, side):
    """Returns where windows start along one side of an image."""
    count = 1 + int(np.ceil((length - side) / (STEP * side)))
    return np.round(np.linspace(0, length - side, count)).astype(int).tolist()
