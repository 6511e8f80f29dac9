"""Features of several depths: tokens or maps by the names of layers, for dense heads."""

import keras

from keras_vit.errors import UserError
from keras_vit.layers import TokenMap


def tokens_at(model, names):
    """Extends a model to one from images `(B, H, W, C)` to tokens `(B, T, D)` by name.

        heads = tokens_at(backbone, ["block05", "block11", "norm"]).output  # symbolic, by name

    The tokens of a block are those that leave it, without the final norm; `"norm"` are those of the
    last block with the final norm. The result is one flat model that shares the model's layers; it
    leaves out what no name needs, such as a pool, a head or later blocks.

    Args:
        model: A model that `vit`, `features`, `classifier` or `load` built.
        names: Names of blocks, `"block00"`, `"block01"`, ..., or `"norm"`.

    Returns:
        A `keras.Model` named `"tokens"`, whose output is a dictionary with the tokens of each name,
        prefix tokens included.

    Raises:
        ValueError: If there is no name, one is twice there, or the model has no such tokens.
    """
    return keras.Model(model.input, _tokens(model, names), name="tokens")


def token_maps(model, names):
    """Extends a model to one from images `(B, H, W, C)` to maps `(B, h, w, D)` by name.

    As `tokens_at`, followed by a layer `TokenMap` per name: `block05_map`, `norm_map`.

    Args:
        model: As `tokens_at` takes it, without `patch_dropout`.
        names: As `tokens_at` takes them.

    Returns:
        A `keras.Model` named `"token_maps"`, whose output is a dictionary with the map of each
        name; `h` and `w` are the rows and columns of patches, prefix tokens are left out.

    Raises:
        ValueError: As `tokens_at` does, or if the model drops patches in training.
    """
    tokens = _tokens(model, names)
    if any(layer.name == "patch_dropout" for layer in model.layers):
        raise UserError("A map needs every patch: build the model with patch_dropout=0.")
    embed = model.get_layer("embed")
    maps = {
        name: TokenMap(embed.grid, num_prefix_tokens=embed.num_prefix_tokens, name=f"{name}_map")(x)
        for name, x in tokens.items()
    }
    return keras.Model(model.input, maps, name="token_maps")


def _tokens(model, names):
    """Returns the symbolic tokens by name."""
    known = [
        layer.name
        for layer in model.layers
        if layer.name.startswith("block") or layer.name == "norm"
    ]
    wrong = sorted(set(names) - set(known))
    if wrong or not names or len(set(names)) < len(names):
        raise UserError(
            f"`names` must be some of {', '.join(known)}, each once: received {list(names)}."
        )
    return {name: model.get_layer(name).output for name in names}
