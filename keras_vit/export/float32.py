"""A model trained in mixed precision, computing in float32."""

import keras


def in_float32(model):
    """Rebuilds a functional model with the same weights and every layer computing in float32.

    Weights are float32 under every mixed policy, so nothing is lost; LiteRT converts no bfloat16,
    and a CPU that serves is faster without it.

    Args:
        model: A functional `keras.Model`.

    Returns:
        The model itself where it computes in float32 already.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def rebuild(layer):
        return layer.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy
