"""What a model is like inside: positions, filters, distances, similar layers and long tokens."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import anatomy


def position_similarity(model):
    """Compares the positions of the patches with each other, by cosine.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, centre).

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        An array `(h, w, h, w)` from -1 to 1: of the patch at the first place, the similarity with
        the one at the second.

    Raises:
        ValueError: If the model is none of ours, or its patches have no positions.
    """
    embed = anatomy(model).embed
    if embed.position == "none":
        raise UserError(f"The patches of {model.name!r} have no positions.")
    rows, columns = embed.grid
    table = ops.convert_to_numpy(embed.positions)[0, -rows * columns :].astype("float64")
    table /= np.linalg.norm(table, axis=-1, keepdims=True)
    return (table @ table.T).reshape(rows, columns, rows, columns)


def patch_filters(model, count=28):
    """Finds the principal components of the filters that embed a patch.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, left).

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.
        count: How many components are found, at most.

    Returns:
        The components `(n, p, p, C)`, of length 1, the strongest first; and the share of the
        filters' variance that each explains, `(n,)`.

    Raises:
        ValueError: If the model is none of ours, or `count` is below 1.
    """
    if count < 1:
        raise UserError(f"`count` must be at least 1: received {count}.")
    embed, side = anatomy(model).embed, model.get_layer("patches").patch_size
    filters = ops.convert_to_numpy(embed.projection.kernel).T.astype("float64")  # D p*p*C
    _, lengths, parts = np.linalg.svd(filters - filters.mean(0), full_matrices=False)
    shares = lengths**2 / np.sum(lengths**2)
    return parts[:count].reshape(-1, side, side, filters.shape[1] // side**2), shares[:count]


def attention_distance(model):
    """Returns a function that measures how far each head attends.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, right): the mean distance between
    patches, weighed by the attention between them, over all patches that attend. What goes to
    prefix tokens does not count.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[tensor], array]`: it takes images `(B, H, W, C)`, 0 to 255, and returns the
        mean distance in pixels by block and head, `(L, heads)`.

    Raises:
        ValueError: If the model is none of ours, or attention stays within windows.
    """
    parts, side = anatomy(model), model.get_layer("patches").patch_size
    places = np.stack(np.indices(parts.embed.grid), -1).reshape(-1, 2)
    distances = side * np.linalg.norm(places[:, None] - places, axis=-1)  # N N
    inputs = keras.Model(model.input, [block.input for block in parts.blocks])

    def distance(images):
        found = []
        for block, tokens in zip(parts.blocks, inputs(images, training=False), strict=True):
            scores = ops.convert_to_numpy(block.attention_scores(tokens)).astype("float64")
            scores = scores[:, :, parts.prefix :, parts.prefix :]
            scores /= scores.sum(-1, keepdims=True)
            found.append((scores * distances).sum(-1).mean((0, 2)))
        return np.stack(found)

    return distance


def layer_similarity(model):
    """Returns a function that compares what the blocks give, by centred kernel alignment.

    "Similarity of Neural Network Representations Revisited" (arXiv:1905.00414, equation 4, of
    linear kernels), of the mean of the patches.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[iterable], array]`: it takes batches of images `(B, H, W, C)`, 0 to 255, and
        returns similarities from 0 to 1, `(L+1, L+1)`: the first is what the embedding gives. It
        holds `(L+1) * D` numbers for each image.

    Raises:
        ValueError: If the model is none of ours.
    """
    inputs = _tokens_of(model)
    prefix = anatomy(model).prefix

    def similarity(batches):
        parts = [
            [ops.convert_to_numpy(each)[:, prefix:].mean(1) for each in inputs(x, training=False)]
            for x in batches
        ]
        if sum(len(part[0]) for part in parts) < 2:
            raise UserError("Layers are compared on at least two images.")
        layers = [np.concatenate(each).astype("float64") for each in zip(*parts, strict=True)]
        layers = [each - each.mean(0) for each in layers]
        products = np.array([[np.sum((x.T @ y) ** 2) for x in layers] for y in layers])
        lengths = np.sqrt(np.diag(products))
        return products / np.maximum(np.outer(lengths, lengths), np.finfo(float).tiny)

    return similarity


def token_norms(model):
    """Returns a function that measures how long the tokens are.

    "Vision Transformers Need Registers" (arXiv:2309.16588): some patches without content become
    tokens that are many times as long as others.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[tensor], array]`: it takes images `(B, H, W, C)`, 0 to 255, and returns lengths
        `(B, L+1, T)`: first those that the embedding gives, then those of each block; prefix tokens
        come before the patches.

    Raises:
        ValueError: If the model is none of ours.
    """
    inputs = _tokens_of(model)

    def norms(images):
        tokens = inputs(images, training=False)
        each = [np.linalg.norm(ops.convert_to_numpy(x).astype("float64"), axis=-1) for x in tokens]
        return np.stack(each, axis=1)

    return norms


def _tokens_of(model):
    """Returns a model from images to tokens: of the embedding, and of each block."""
    parts = anatomy(model)
    return keras.Model(model.input, [layer.output for layer in (parts.embed, *parts.blocks)])
