"""The head of weights that were trained for the same classes."""

HEADS = ("head", "distillation_head")


def kept_order(known, names):
    """Finds the classes of a source among those of a checkpoint.

    Args:
        known: Names of the checkpoint's classes, or `None`.
        names: Names of the source's classes, in their order.

    Returns:
        The number of each of the source's classes in the checkpoint, a list; `None` unless both
        have the same names, each once, or exactly the same list.
    """
    known, names = list(known or ()), list(names)
    if known == names:
        return list(range(len(names)))
    if sorted(known) != sorted(names) or len(set(names)) < len(names):
        return None
    return [known.index(name) for name in names]


def reorder(model, order):
    """Puts the classes of a model's heads into another order.

    Args:
        model: A classifier whose heads have `K` units.
        order: The old number of each class, in the new order `(K,)`.
    """
    for layer in model.layers:
        if layer.name in HEADS:
            layer.kernel.assign(layer.kernel.numpy()[:, order])
            layer.bias.assign(layer.bias.numpy()[order])
