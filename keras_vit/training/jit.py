"""Which layers XLA can compile, by Keras' own word."""


def layers_without_jit(model):
    """Names the layers of a model, inner ones too, that XLA cannot compile."""
    return [layer.name for layer in model._flatten_layers() if not layer.supports_jit]


def check_jit(model):
    """Raises a `ValueError` if XLA cannot compile every layer of a model."""
    if layers := layers_without_jit(model):
        raise ValueError(
            f"XLA cannot compile every layer: received supports_jit=False in {', '.join(layers)}."
        )
