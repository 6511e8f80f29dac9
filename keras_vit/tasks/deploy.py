"""The seam between a trained model and everything that uses it: images to named answers."""

import dataclasses
from collections.abc import Callable

import keras

from keras_vit.tasks.probabilities import check_images, to_probabilities

CLASSIFICATION = "classification"


@dataclasses.dataclass(frozen=True)
class Deployed:
    """A trained model as a function from images to named answers.

    Attributes:
        model: The `keras.Model`, from images `(B, H, W, C)`, 0 to 255.
        task: Name of the task, for the metadata of exports.
        shapes: The shape of each answer by name, with `None` for the batch.
        named: Maps outputs of `model` to a dictionary of answers `(B, ...)` by name.
    """

    model: keras.Model
    task: str
    shapes: dict[str, tuple]
    named: Callable[[object], dict[str, object]]

    def __call__(self, images):
        """Answers images `(B, H, W, C)` with a dictionary of tensors `(B, ...)` by name."""
        return self.named(self.model(images, training=False))


def deploy(model):
    """Returns a trained model as a function from images to named answers.

    A model whose output is a dictionary is deployed as it is, and its name is that of its task. A
    classifier answers with `probabilities` `(B, K)`, as `to_probabilities` computes them.

    Args:
        model: A functional or sequential `keras.Model` of images `(B, H, W, C)`, 0 to 255.

    Returns:
        A `Deployed`.

    Raises:
        ValueError: If the model's output is a dictionary but its input is no images of one size, or
            it is no dictionary and `to_probabilities` refuses the model.
    """
    if isinstance(getattr(model, "output", None), dict):
        check_images(model, model.input, "A model with named answers")
        shapes = {name: tuple(each.shape) for name, each in model.output.items()}
        return Deployed(model, model.name, shapes, lambda outputs: outputs)
    convert = to_probabilities(model)
    shapes = {"probabilities": tuple(model.output_shape)}
    return Deployed(
        model, CLASSIFICATION, shapes, lambda outputs: {"probabilities": convert(outputs)}
    )
