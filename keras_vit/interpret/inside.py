"""What a model is like inside: positions, filters, distances, similar layers and long tokens."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import anatomy
from keras_vit.layers import Patches


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
        ValueError: If the model is none of ours, its stem does not cut patches, or `count` is below
            1.
    """
    embed, patches = anatomy(model).embed, model.get_layer("patches")
    if not isinstance(patches, Patches):
        kind = type(patches).__name__
        raise UserError(f"Filters are those of patches that are cut: received a {kind}.")
    if count < 1:
        raise UserError(f"`count` must be at least 1: received {count}.")
    side = patches.patch_size
    filters = ops.convert_to_numpy(embed.projection.kernel).T.astype("float64")  # D p*p*C
    _, lengths, parts = np.linalg.svd(filters - filters.mean(0), full_matrices=False)
    shares = lengths**2 / np.sum(lengths**2)
    return parts[:count].reshape(-1, side, side, filters.shape[1] // side**2), shares[:count]


def patch_distances(model):
    """Measures how far the patches lie from each other.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        Distances of their centres in pixels, `(N, N)`.

    Raises:
        ValueError: If the model is none of ours.
    """
    places = np.stack(np.indices(anatomy(model).embed.grid), -1).reshape(-1, 2)
    side = model.get_layer("patches").patch_size
    return side * np.linalg.norm(places[:, None] - places, axis=-1)


def attention_distance(model):
    """Returns a function that measures how far each head attends.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, right): the mean distance between
    patches, weighed by the attention between them, over all patches that attend. What goes to
    prefix tokens does not count.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[tensor], array]`: it takes images `(B, H, W, C)`, 0 to 255, and returns the
        mean distance in pixels by block and head, `(B, L, heads)`.

    Raises:
        ValueError: If the model is none of ours, or attention stays within windows.
    """
    parts, distances = anatomy(model), patch_distances(model)
    if parts.has_windows:
        raise UserError("Distances are those of attention to all patches: received windows.")
    inputs = keras.Model(model.input, {block.name: block.input for block in parts.blocks})

    def distance(images):
        found, tokens = [], inputs(images, training=False)
        for block in parts.blocks:
            scores = ops.convert_to_numpy(block.attention_scores(tokens[block.name]))
            scores = scores[:, :, parts.prefix :, parts.prefix :].astype("float32")
            weighed = np.einsum("bhqk,qk->bhq", scores, distances)  # no second copy of the scores
            found.append((weighed / scores.sum(-1)).mean(-1))
        return np.stack(found, axis=1)

    return distance


def mean_patches(model):
    """Returns a function that averages the patches after each block, to compare the blocks by.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[tensor], array]`: it takes images `(B, H, W, C)`, 0 to 255, and returns
        float32 `(B, L+1, D)`, as `layer_similarity` takes it: the first is of what the embedding
        gives.

    Raises:
        ValueError: If the model is none of ours.
    """
    inputs, prefix = _tokens_of(model), anatomy(model).prefix

    def average(images):
        tokens = inputs(images, training=False)
        patches = (ops.convert_to_numpy(x)[:, prefix:].astype("float32") for x in tokens)
        return np.stack([each.mean(1) for each in patches], axis=1)

    return average


def layer_similarity(features):
    """Compares layers by centred kernel alignment (CKA) of linear kernels.

    "Similarity of Neural Network Representations Revisited" (arXiv:1905.00414, equation 4), with
    the unbiased estimate of "Do Wide and Deep Networks Learn the Same Things?" (arXiv:2010.15327,
    equation 3): layers that have nothing in common get 0 on average, also where images are few.

    Args:
        features: Numbers of `N` images for each of the layers, `(N, L, D)`.

    Returns:
        Similarities `(L, L)`, 1 for a layer with itself; of layers that have nothing in common,
        some are a little below 0.

    Raises:
        ValueError: If there are fewer than four images.
    """
    count = len(features)
    if count < 4:
        raise UserError(f"Layers are compared on at least four images: received {count}.")
    layers = np.moveaxis(np.asarray(features, "float64"), 1, 0)
    layers = layers - layers.mean(1, keepdims=True)
    own = np.sum(layers**2, axis=-1)  # the diagonals of the kernels, which count too much: L N
    products = np.array([[np.sum((x.T @ y) ** 2) for x in layers] for y in layers])
    products -= count / (count - 2) * own @ own.T
    products += np.outer(own.sum(1), own.sum(1)) / ((count - 1) * (count - 2))
    lengths = np.sqrt(np.maximum(np.diag(products), np.finfo(float).tiny))
    return products / np.outer(lengths, lengths)


def token_norms(model):
    """Returns a function that measures how long the tokens are.

    "Vision Transformers Need Registers" (arXiv:2309.16588): some patches without content become
    tokens that are many times as long as others.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        A `Callable[[tensor], array]`: it takes images `(B, H, W, C)`, 0 to 255, and returns lengths
        `(B, L+1, T)`, float32: first those that the embedding gives, then those of each block;
        prefix tokens come before the patches.

    Raises:
        ValueError: If the model is none of ours.
    """
    inputs = _tokens_of(model)

    def norms(images):
        tokens = inputs(images, training=False)
        each = [np.linalg.norm(ops.convert_to_numpy(x).astype("float32"), axis=-1) for x in tokens]
        return np.stack(each, axis=1)

    return norms


def _tokens_of(model):
    """Returns a model from images to tokens: of the embedding, and of each block."""
    parts = anatomy(model)
    return keras.Model(model.input, [layer.output for layer in (parts.embed, *parts.blocks)])
