"""One move of everything in a batch of samples: of images, targets, clips, masks and boxes.

A batch of samples is a dict of the keys of `keras_vit.data.sample`, of which each may be absent.
Images may also be floats here. Keys that belong to no pixel, such as `label`, are not touched.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.affine import affine
from keras_vit.data.augment.boxes import move_boxes
from keras_vit.errors import UserError

VOID = 255  # the class of pixels outside the picture, unless `void` names another


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Where the pixels of moved pictures come from.

    Attributes:
        matrix: float32 `(B, 3, 3)`, or `(1, 3, 3)` for all pictures alike. The pixel (x, y) of the
            result is read from `matrix @ (x, y, 1)`, as in `affine.affine`: in pixels, and the
            middle of the first pixel is (0, 0). The last row is (0, 0, 1).
        size: Height and width of the result in pixels, integers or integer tensors `()`.
        read: A faster way to the same pixels. It takes images, the value outside of them, and
            `"bilinear"` or `"nearest"`, and returns the moved images. By default, `resample` does.
    """

    matrix: tf.Tensor
    size: tuple
    read: Callable[[tf.Tensor, float, str], tf.Tensor] | None = None


def move(sample, geometry, **outside):
    """Moves images, masks and boxes alike, each as it must be moved.

    Args:
        sample: Images `(B, H, W, C)`, a dict of such a batch (see above), or a `Geometry`.
        geometry: The `Geometry` of the move.
        **outside: What becomes of pixels that the picture does not have, and of boxes that leave
            it: `fill`, the value of images there, 0 by default; `void`, the class of masks there,
            `VOID` by default; `least_area`, the share of its area that a box must keep, 0.25 by
            default, or else it is dropped.

    Returns:
        The same structure. Images, targets and all frames of a clip are bilinear, masks take the
        nearest pixel. Boxes are the hull of their moved corners within the picture; a dropped box
        is zeros with the label -1. Of a `Geometry`, the one of both moves, of which `geometry` is
        the second.

    Raises:
        ValueError: If a sample holds `views`, the masks cannot hold `void`, or a `Geometry` is
            moved with options.
    """
    if isinstance(sample, Geometry):
        if outside:
            raise UserError(
                f"Pass {', '.join(outside)} to `as_one`, not to its stages: received {outside}."
            )
        return Geometry(sample.matrix @ geometry.matrix, geometry.size)
    if isinstance(sample, dict):
        return _moved(sample, geometry, **outside)
    return _moved({"image": sample}, geometry, **outside)["image"]


def size_of(sample):
    """Returns height and width of the pictures of a batch.

    Args:
        sample: Images, a dict with `image`, `clip` or `mask`, or a `Geometry`.

    Returns:
        Two integers; an integer tensor `()` in place of one that is not known yet.
    """
    if isinstance(sample, Geometry):
        return sample.size
    if isinstance(sample, dict):
        key = next(name for name in ("image", "clip", "mask") if name in sample)
        first, sample = 2 if key == "clip" else 1, sample[key]
    else:
        first = 1
    pixels = tf.convert_to_tensor(sample)
    static, sides = pixels.shape, tf.shape(pixels)
    axes = first, first + 1
    return tuple(sides[axis] if static[axis] is None else static[axis] for axis in axes)


def floats(size):
    """Returns the sides of `size_of` for arithmetic: tensors as float32, integers as they are."""
    return tuple(tf.cast(side, tf.float32) if tf.is_tensor(side) else side for side in size)


def square(rows):
    """Turns the matrices of `affine.affine` `(B, 6)` into those of a `Geometry`.

    Args:
        rows: float32 `(B, 6)`, the rows (a, b, c, d, e, f).

    Returns:
        float32 `(B, 3, 3)`.
    """
    last = tf.broadcast_to(tf.constant([0.0, 0.0, 1.0]), [tf.shape(rows)[0], 3])
    return tf.reshape(tf.concat([rows, last], axis=1), (-1, 3, 3))


def window(tops, lefts, heights, widths, size):
    """Makes the `Geometry` that resizes a window of each picture; it may reach outside.

    Args:
        tops: Upper edge of the windows in pixels of the picture, float32 `(B,)`.
        lefts: Left edge, in the same form.
        heights: Height of the windows, or one number for all of them.
        widths: Width of the windows, in the same form.
        size: Height and width that the windows are resized to, two integers.

    Returns:
        A `Geometry`; where nothing is resized and edges are integers, pixels are copied.
    """
    none, one = tf.zeros_like(tops), tf.ones_like(tops)
    new_height, new_width = floats(size)
    y_scale, x_scale = one * heights / new_height, one * widths / new_width
    matrix = [
        [x_scale, none, lefts + (x_scale - 1) / 2],
        [none, y_scale, tops + (y_scale - 1) / 2],
        [none, none, one],
    ]
    return Geometry(tf.transpose(tf.convert_to_tensor(matrix), (2, 0, 1)), tuple(size))


def resample(images, geometry, fill, interpolation):
    """Moves images `(B, H, W, C)` by a matrix each; the border of a picture does not fade.

    Args:
        images: uint8 or float batch.
        geometry: A `Geometry`.
        fill: Value outside the picture, one number for all channels.
        interpolation: `"bilinear"`, not antialiased, as `tf.image.resize` does; or `"nearest"`.

    Returns:
        A batch of the same dtype, of the size of the geometry.
    """
    images = tf.convert_to_tensor(images)
    rows = tf.reshape(geometry.matrix, (-1, 9))[:, :6]
    if interpolation == "nearest":
        return affine(images, rows, size=geometry.size, fill=fill, interpolation="nearest")
    moved = affine(images, rows, size=geometry.size, fill=None)
    shape = tf.concat([tf.shape(rows)[:1], tf.shape(images)[1:3], [1]], axis=0)
    inside = affine(tf.ones(shape), rows, size=geometry.size, interpolation="nearest")
    return tf.where(inside > 0, moved, tf.cast(fill, moved.dtype))


def of_frames(change: Callable[[tf.Tensor], tf.Tensor], clip):
    """Moves all frames of clips alike, as channels of one image.

    Args:
        change: Takes images of any number of channels and returns moved ones.
        clip: `(B, F, H, W, C)`.

    Returns:
        `(B, F, H', W', C)`.
    """
    clip = tf.convert_to_tensor(clip)
    frames, channels = clip.shape[1], clip.shape[4]
    images = tf.transpose(clip, (0, 2, 3, 1, 4))  # B H W F C
    height, width = size_of(images[..., 0])
    images = change(tf.reshape(images, (-1, height, width, frames * channels)))
    height, width = size_of(images)
    images = tf.reshape(images, (-1, height, width, frames, channels))
    return tf.transpose(images, (0, 3, 1, 2, 4))


def _moved(sample, geometry, *, fill=0, void=VOID, least_area=0.25):
    if "views" in sample:
        raise UserError("Views are made after all stages that move: received a sample with views.")

    def read(images, value, interpolation):
        if geometry.read is not None:
            return geometry.read(images, value, interpolation)
        return resample(images, geometry, value, interpolation)

    moved = dict(sample)
    for name in (each for each in ("image", "target") if each in sample):
        moved[name] = read(tf.convert_to_tensor(sample[name]), fill, "bilinear")
    if "clip" in sample:
        moved["clip"] = of_frames(lambda x: read(x, fill, "bilinear"), sample["clip"])
    if "mask" in sample:
        mask = tf.convert_to_tensor(sample["mask"])
        if not mask.dtype.min <= void <= mask.dtype.max:
            raise UserError(f"`void` must fit the masks, {mask.dtype.name}: received void={void}.")
        moved["mask"] = read(mask[..., None], void, "nearest")[..., 0]
    if "boxes" in sample:
        moved["boxes"], kept = move_boxes(
            sample["boxes"], geometry.matrix, geometry.size, least_area
        )
        if "box_labels" in sample:
            labels = tf.convert_to_tensor(sample["box_labels"])
            moved["box_labels"] = tf.where(kept, labels, tf.cast(-1, labels.dtype))
    return moved
