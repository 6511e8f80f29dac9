"""Explanations by what an answer loses without a part of the image: slow, and a reference."""

import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import anatomy, pick, question
from keras_vit.interpret.gradients import as_graph
from keras_vit.interpret.intercept import intercepted


def occlusion(model, target=None, *, window=None, stride=None, fill=127.5):
    """Returns a function that maps what an answer loses where a square of the image is grey.

    "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901, section 4.2).

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.
        window: Side of the square in pixels; by default that of two patches.
        stride: By how many pixels it moves; by default by one patch. Each place costs a forward
            pass, and their number grows with the area of the image.
        fill: What the pixels of the square are, 0 to 255: one number, or one for each channel.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, H, W)`, float32: the mean loss over the squares that cover a pixel.

    Raises:
        ValueError: If the model is none of ours or has no such answer, or `window` or `stride` is
            below 1.
    """
    asked, patch = question(model, target), model.get_layer("patches").patch_size
    window, stride = window or 2 * patch, stride or patch
    if min(window, stride) < 1 or stride > window:
        raise UserError(
            "`stride` must be at least 1 and no more than `window`, so that every pixel is "
            f"covered: received stride={stride}, window={window}."
        )
    height, width = model.input_shape[1:3]
    tops, lefts = (_starts(side, window, stride) for side in (height, width))

    def loss(images):
        images = ops.cast(images, "float32")
        numbers = asked.of(images)
        chosen = asked.chosen(numbers)
        whole = pick(numbers, chosen)
        total = ops.zeros(ops.shape(images)[:3])
        count = np.zeros((height, width), "float32")
        for top in tops:
            for left in lefts:
                square = np.zeros((height, width), "float32")
                square[top : top + window, left : left + window] = 1
                hidden = square[None, :, :, None]
                lost = whole - asked.score(images * (1 - hidden) + hidden * fill, chosen)
                total += lost[:, None, None] * square
                count += square
        return total / count

    return loss


def patch_dropping(model, target=None):
    """Returns a function that maps what an answer loses without the token of each patch.

    Other tokens are as before, so nothing is put in place of a patch that a model has never seen.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32. A call costs a forward pass for each patch.

    Raises:
        ValueError: If the model is none of ours, has no such answer, or cannot do without a patch.
    """
    check_patches_can_go(model)
    parts, asked = anatomy(model), question(model, target)
    count = parts.embed.grid[0] * parts.embed.grid[1]
    of_patches = numbers_of_patches(model, asked)

    def loss(images):
        images = ops.convert_to_tensor(images)
        numbers = asked.of(images)
        chosen = asked.chosen(numbers)
        whole, lost = pick(numbers, chosen), []
        for place in range(count):
            rest = np.delete(np.arange(count), place)
            kept = ops.broadcast_to(rest[None], (ops.shape(images)[0], count - 1))
            lost.append(whole - pick(of_patches(images, kept), chosen))
        return parts.to_map(ops.stack(lost, axis=1))

    return loss


def numbers_of_patches(model, asked):
    """Returns a function that answers where only some patches become tokens.

    Args:
        model: A model that `check_patches_can_go` lets pass.
        asked: The `keras_vit.interpret.anatomy.Question`.

    Returns:
        A function of images `(B, H, W, C)` and of which patches of each image stay, integers
        `(B, n)`, which returns numbers `(B, K)`, as `Question.of` gives them. It is traced once for
        each `n`.
    """
    embed = anatomy(model).embed
    prefix = np.arange(embed.num_prefix_tokens)

    def of_patches(images, kept):
        places = ops.broadcast_to(prefix[None], (ops.shape(images)[0], len(prefix)))
        places = [ops.cast(each, "int32") for each in (places, kept + len(prefix))]
        places = ops.concatenate(places, axis=1)[..., None]

        def embedded(call, *args, **how):
            return ops.take_along_axis(call(*args, **how), places, axis=1)

        with intercepted((embed, "call", embedded)):
            return asked.of(images)

    return as_graph(of_patches)


def check_patches_can_go(model):
    """Raises a `ValueError` if a model cannot do without some of its patches."""
    needing = [layer.name for layer in model.layers if layer.name.startswith("positions")]
    windows = anatomy(model).has_windows
    if needing or windows or "pool" not in [layer.name for layer in model.layers]:
        raise UserError(
            f"Patches are left out of models that pool their tokens, without windows and without "
            f"positions between blocks: received {model.name!r}."
        )


def _starts(side, window, stride):
    """Returns where squares begin, so that the last one ends at the edge."""
    last = max(0, side - window)
    return sorted({*range(0, last, stride), last})
