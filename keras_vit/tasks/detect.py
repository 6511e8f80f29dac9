"""Dense detection: each point of a pyramid of maps answers with classes and a box around it."""

import math

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import Points
from keras_vit.tasks.convolution import convolution
from keras_vit.tasks.pyramid import feature_pyramid

PRIOR = 0.01  # probability of every class at first: "Focal Loss" (arXiv:1708.02002), section 4.1
FIRST_DISTANCE = 2.0  # in strides: boxes of three levels then begin near all usual sizes
PLACE = 3  # numbers that say where a point is: x, y, stride
SIDES = 4  # distances to the left, top, right and bottom side


def detector(backbone, num_classes, *, width=128, depth=2):
    """Extends a backbone to a model from images `(B, H, W, C)` to points `(B, A, 7 + K)`.

    The result is one flat model: the layers of the backbone, whose weights it shares, a simple
    feature pyramid, and an anchor-free head: convolutions for the classes and convolutions for the
    boxes, the same at all levels. "FCOS" (arXiv:1904.01355), section 3.1, without its centre-ness:
    the score of a class says how good the box is, too.

    Args:
        backbone: A model that `keras_vit.models.vit` built, with its last norm and without
            `patch_dropout`.
        num_classes: Number of classes `K`.
        width: Channels of the pyramid and of the head.
        depth: Convolutions of the head, for classes and for boxes each, before the last one.

    Returns:
        A `keras.Model` named `"detector"`. It answers for each of `A` points with the point (see
        `keras_vit.layers.Points`), the distances from the point to the left, top, right and bottom
        side of the box, in strides, and `K` logits, float32; `boxes_and_logits` reads them.

    Raises:
        ValueError: If a number is out of its range, or the backbone lacks its last norm or drops
            patches.
    """
    for name, value, least in (
        ("num_classes", num_classes, 1),
        ("width", width, 1),
        ("depth", depth, 0),
    ):
        if value < least:
            raise UserError(f"`{name}` must be at least {least}: received {value}.")
    towers = {
        what: [convolution(width, f"{what}{index}") for index in range(depth)]
        for what in ("class", "box")
    }
    # float32 whatever the policy, as every head. The names end alike: they are one head.
    prior = -math.log((1 - PRIOR) / PRIOR)
    heads = {
        "class": _last(num_classes, "class_head", prior),
        "box": _last(SIDES, "box_head", math.log(math.expm1(FIRST_DISTANCE))),
    }
    positive = keras.layers.Activation("softplus", dtype="float32", name="distances")
    levels = []
    for level, (stride, features) in enumerate(feature_pyramid(backbone, width).items()):
        answers = {}
        for what, tower in towers.items():
            x = features
            for apply in tower:
                x = apply(x)
            answers[what] = heads[what](x)
        x = keras.layers.Concatenate(dtype="float32", name=f"answers{level}")(
            [positive(answers["box"]), answers["class"]]
        )
        levels.append(Points(stride, dtype="float32", name=f"points{level}")(x))
    points = keras.layers.Concatenate(axis=1, dtype="float32", name="points")(levels)
    return keras.Model(backbone.input, points, name="detector")


def boxes_and_logits(points):
    """Reads the answers of `detector`.

    Args:
        points: `(B, A, 7 + K)`.

    Returns:
        Boxes `(B, A, 4)`, `(x_min, y_min, x_max, y_max)` in pixels, which may reach out of the
        image, and logits `(B, A, K)`.
    """
    middle, stride = points[..., :2], points[..., 2:PLACE]
    distances = stride * points[..., PLACE : PLACE + SIDES]
    boxes = ops.concatenate([middle - distances[..., :2], middle + distances[..., 2:]], axis=-1)
    return boxes, points[..., PLACE + SIDES :]


def _last(width, name, bias):
    """Returns the convolution that ends a tower, whose answers begin near `bias`."""
    return keras.layers.Conv2D(
        width,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )
