"""What the signature `attention` of a SavedModel answers with: a method that explains, by name."""

import keras

from keras_vit.errors import UserError
from keras_vit.interpret.methods import METHODS, SLOW

OF_ANY_ANSWER = ("attention", "rollout")  # they show where a model looks, whatever it answers
NAMES = tuple(name for name in METHODS if name not in SLOW)


def explanation(model, method):
    """Returns a method's function from images to maps, of the class that a model answers.

    Args:
        model: A model for `keras_vit.tasks.deploy`.
        method: A name of `NAMES`.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps,
        float32, `(B, h, w)` with one number per patch or `(B, H, W)` with one per pixel.

    Raises:
        ValueError: If there is no such method, it does not fit into a graph, or it cannot explain
            the model.
    """
    if method in SLOW:
        raise UserError(
            f"`attention` cannot be {method}: a graph of it would hold a forward pass for each "
            "place of the image."
        )
    if method not in NAMES:
        raise UserError(f"`attention` must be one of {', '.join(NAMES)}: received {method!r}.")
    if isinstance(model, keras.Sequential):  # which has no `output` until it is called
        model = keras.Model(model.inputs[0], model.outputs[0])
    if isinstance(model.output, dict) and method not in OF_ANY_ANSWER:
        raise UserError(
            f"`attention` cannot be {method}, which explains the class that a model answers: "
            f"received one that answers with {', '.join(model.output)}."
        )
    try:
        return METHODS[method](model, None)
    except UserError as error:
        raise UserError(f"`attention` cannot be {method} for this model: {error}") from error


def check_explanation(model, method, formats):
    """Checks a method before anything is exported.

    Args:
        model: As `explanation` takes it.
        method: As `explanation` takes it; `None` passes.
        formats: Names of the formats that are written.

    Raises:
        ValueError: If `explanation` raises one, or no format has a signature `attention`.
    """
    if method is None:
        return
    if "savedmodel" not in formats:
        raise UserError(
            "`attention` is a signature of a SavedModel: received a method for it, and the formats "
            f"{', '.join(formats)}."
        )
    explanation(model, method)
