"""Detection by tokens: each register of a backbone answers with a class and a box, or with none."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import TokenSlice
from keras_vit.tasks.deployed import answering
from keras_vit.tasks.depths import tokens_at

SIZE = 2  # numbers that say how large the image is: width and height in pixels
SIDES = 4  # numbers of a box: middle, width and height


def token_detector(backbone, num_classes, *, auxiliary=()):
    """Extends a backbone to a model from images `(B, H, W, C)` to `(B, A, Q, 6 + K + 1)`.

    "You Only Look at One Sequence" (arXiv:2106.00666): the `Q` registers of the backbone are its
    detection tokens. Two perceptrons of three layers read each of them: one answers with a box, its
    middle `(x, y)`, width and height as shares of the image, the other with logits of the classes
    and, last, of no object. The result is one flat model: the layers of the backbone, whose weights
    it shares, then those of the head.

    Args:
        backbone: A model that `keras_vit.models.vit` built, with registers and its last norm.
        num_classes: Number of classes `K`.
        auxiliary: Names of blocks, the deepest last, whose tokens the same perceptrons read as
            well, each behind a norm of its own, for auxiliary losses (arXiv:2005.12872, section
            3.2).

    Returns:
        A `keras.Model` named `"token_detector"`. Along `A` are the answers of the blocks in
        `auxiliary`, then those that count. Each answers with the width and height of the image in
        pixels, a box and `K + 1` logits, float32; `parts` reads them.

    Raises:
        ValueError: If there is no class, or the backbone has no registers, no last norm or no such
            block.
    """
    if num_classes < 1:
        raise UserError(f"`num_classes` must be at least 1: received {num_classes}.")
    embed, block = backbone.get_layer("embed"), backbone.get_layer("block00")
    count = embed.num_registers
    if not count:
        raise UserError("A detector by tokens needs a backbone with registers: received none.")
    tokens = tokens_at(backbone, [*auxiliary, "norm"]).output
    heads = {
        "box": _perceptron("box", embed.width, SIDES, "sigmoid"),
        "class": _perceptron("class", embed.width, num_classes + 1, None),
    }
    height, width = backbone.input_shape[1:3]
    answers = []
    for name in (*auxiliary, "norm"):
        x = tokens[name]
        if name != "norm":
            epsilon = block.norm_epsilon
            x = keras.layers.LayerNormalization(epsilon=epsilon, name=f"auxiliary_{name}")(x)
        start = embed.num_prefix_tokens - count
        x = TokenSlice(start, count=count, name=f"{name}_registers")(x)
        both = []
        for layers in heads.values():
            y = x
            for layer in layers:
                y = layer(y)
            both.append(y)
        joined = keras.layers.Concatenate(dtype="float32", name=f"{name}_answers")(both)
        shape = 1, count, SIDES + num_classes + 1
        depth = keras.layers.Reshape(shape, dtype="float32", name=f"{name}_depth")(joined)
        size = [ops.full_like(depth[..., :1], side) for side in (width, height)]
        answers.append(ops.concatenate([*size, depth], axis=-1))
    if len(answers) > 1:
        depths = keras.layers.Concatenate(axis=1, dtype="float32", name="depths")(answers)
    else:
        depths = answers[0]
    return keras.Model(backbone.input, depths, name="token_detector")


def parts(answers):
    """Reads the answers of `token_detector`.

    Args:
        answers: `(B, A, Q, 6 + K + 1)`.

    Returns:
        The width and height of the image in pixels `(B, A, Q, 2)`, boxes `(B, A, Q, 4)` as shares
        of it, `(x, y, width, height)` with the middle first, and logits `(B, A, Q, K + 1)`.
    """
    middle = SIZE + SIDES
    return answers[..., :SIZE], answers[..., SIZE:middle], answers[..., middle:]


def answering_with_boxes(model, class_names=None, *, options=None):
    """Makes the model that is deployed from a detector by tokens.

    Args:
        model: A model that `token_detector` built.
        class_names: Names of the `K` classes in their order; by default their numbers.
        options: Those of the task, as `keras_vit.tasks.answering` takes them.

    Returns:
        A `keras.Model` from images `(B, H, W, C)` to `boxes` `(B, Q, 4)`, `(x_min, y_min, x_max,
        y_max)` in pixels of the image, beyond which they may reach; `scores` `(B, Q)`, the
        probability of the likeliest class; and `classes` `(B, Q)`, int32.

    Raises:
        ValueError: If there is not one name for each class.
    """
    height, width = model.input_shape[1:3]
    answers = model.get_layer("norm_answers").output  # without what only auxiliary losses read
    num_classes = answers.shape[-1] - SIDES - 1
    names = tuple(map(str, range(num_classes))) if class_names is None else tuple(class_names)
    if len(names) != num_classes:
        raise UserError(f"The detector must have {len(names)} classes: it has {num_classes}.")
    chances = ops.softmax(answers[..., SIDES:], axis=-1)[..., :-1]
    # `argmax` would be a Flex operator of LiteRT; the numbers of `top_k` could be no integers.
    classes = ops.top_k(chances, 1)[1][..., 0]
    in_pixels = keras.layers.Rescaling(
        [width, height, width, height], dtype="float32", name="box_pixels"
    )
    answers = {
        "boxes": in_pixels(corners(answers[..., :SIDES])),
        "scores": ops.max(chances, axis=-1),
        "classes": ops.cast(classes, "int32"),
    }
    options = {"head": "tokens", **(options or {})}
    return answering(model.input, answers, "detection", class_names=names, options=options)


def corners(boxes):
    """Turns boxes `(x, y, width, height)` with their middle first into boxes of corners.

    Args:
        boxes: `(..., 4)`.

    Returns:
        A tensor `(..., 4)`, `(x_min, y_min, x_max, y_max)`, in the same unit.
    """
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return ops.concatenate([middle - half, middle + half], axis=-1)


def _perceptron(name, width, units, activation):
    """Returns the three layers of a head; float32 whatever the policy, as every head."""
    hidden = [
        keras.layers.Dense(width, activation="relu", dtype="float32", name=f"{name}_hidden{index}")
        for index in range(2)
    ]
    last = keras.layers.Dense(units, activation=activation, dtype="float32", name=f"{name}_head")
    return [*hidden, last]
