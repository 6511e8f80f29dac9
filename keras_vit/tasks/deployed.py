"""The seam between a trained model and everything that uses it: images to named answers."""

import dataclasses
from collections.abc import Callable, Mapping

import keras

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing, images_per_call
from keras_vit.keras_private import all_layers
from keras_vit.tasks.classify import ClassHead
from keras_vit.tasks.pooled import ends_in_features
from keras_vit.tasks.probabilities import check_images, to_probabilities
from keras_vit.tasks.remember import Remembers

CLASSIFICATION = "classification"
EMBEDDING = "embedding"


@keras.saving.register_keras_serializable("keras_vit")
class Answers(Remembers, keras.layers.Layer):
    """Passes named answers on, and stores what they mean: the last layer of a deployed model.

    Args:
        task: Name of the task.
        options: What `keras_vit.tasks.task_named` needs besides the names of the classes.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: As `Remembers.remember` takes it.
        **kwargs: Further arguments of `keras.layers.Layer`.
    """

    def __init__(self, task, *, options=None, class_names=None, preprocessing=None, **kwargs):
        super().__init__(**kwargs)
        self.task = task
        self.options = dict(options or {})
        self.name_classes(class_names)
        self.remember(preprocessing)

    def call(self, answers):
        return dict(answers)

    def compute_output_spec(self, answers):
        return {name: self._spec(answer) for name, answer in answers.items()}

    def _spec(self, answer):
        is_float = keras.backend.is_float_dtype(answer.dtype)
        return keras.KerasTensor(answer.shape, self.compute_dtype if is_float else answer.dtype)

    def get_config(self):
        return {**super().get_config(), "task": self.task, "options": self.options}


def answering(inputs, answers, task, *, class_names=(), options=None):
    """Makes the model of a task that is saved and exported: from images to named answers.

    Args:
        inputs: The symbolic images `(B, H, W, C)` of a graph.
        answers: Symbolic tensors `(B, ...)` of that graph by name.
        task: Name of the task.
        class_names: Names of the classes in their order; empty where there are none.
        options: What `keras_vit.tasks.task_named` needs besides these names.

    Returns:
        A `keras.Model` that is named after the task.
    """
    names = list(class_names) or None
    # float32 whatever the policy: the sides of a box in bfloat16 are pixels off.
    layer = Answers(task, options=options, class_names=names, dtype="float32", name="answers")
    outputs = layer(answers)
    return keras.Model(inputs, outputs, name=task)


@dataclasses.dataclass(frozen=True)
class Deployed:
    """A trained model as a function from images to named answers.

    Attributes:
        model: The `keras.Model`, from images `(B, H, W, C)`, 0 to 255.
        task: Name of the task, for the metadata of exports.
        shapes: The shape of each answer by name, with `None` for the batch.
        named: Maps outputs of `model` to a dictionary of answers `(B, ...)` by name.
        options: What `keras_vit.tasks.task_named` needs besides the names of the classes.
    """

    model: keras.Model
    task: str
    shapes: dict[str, tuple]
    named: Callable[[object], dict[str, object]]
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def class_names(self):
        """Names of the model's classes in the order of the labels, or `None`."""
        return class_names_of(self.model)

    def __call__(self, images):
        """Answers images `(B, H, W, C)` with a dictionary of tensors `(B, ...)` by name."""
        return self.named(self.model(images, training=False))

    def predict(self, images):
        """Answers images `(B, H, W, C)` with a dictionary of arrays `(B, ...)` by name.

        It may compute in parts, which are joined.
        """
        size = images_per_call(self.model.input_shape[1:3])
        answers = self.named(self.model.predict(images, batch_size=size, verbose=0))
        return {name: keras.ops.convert_to_numpy(answer) for name, answer in answers.items()}

    def predict_on_batch(self, images):
        """Answers images `(B, H, W, C)`, all at once, with arrays `(B, ...)` by name."""
        answers = self.named(self.model.predict_on_batch(images))
        return {name: keras.ops.convert_to_numpy(answer) for name, answer in answers.items()}


def deploy(model):
    """Returns a trained model as a function from images to named answers.

    A model whose output is a dictionary is deployed as it is; its last layer is `Answers`, or its
    name is that of its task. What `keras_vit.tasks.features` builds answers with `features`
    `(B, D)`. A classifier answers with `probabilities` `(B, K)`, as
    `to_probabilities` computes them.

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
        card = remembering(model)
        options = card.options if isinstance(card, Answers) else {}
        task = card.task if isinstance(card, Answers) else model.name
        return Deployed(model, task, shapes, lambda outputs: outputs, options)
    if ends_in_features(model):
        check_images(model, model.input, "A model of features")
        shapes = {"features": tuple(model.output_shape)}
        return Deployed(model, EMBEDDING, shapes, lambda outputs: {"features": outputs})
    convert = to_probabilities(model)
    shapes = {"probabilities": tuple(model.output_shape)}
    return Deployed(
        model, CLASSIFICATION, shapes, lambda outputs: {"probabilities": convert(outputs)}
    )


def remembering(model):
    """Finds the layer that stores a model's class names and preprocessing.

    Args:
        model: A `keras.Model`; the layer may be inside a nested model.

    Returns:
        The `Answers` of a model with named answers; else the `ClassHead` of its `K` classes, the
        first of those of a distilled model; `None` where there is none.
    """
    named = isinstance(getattr(model, "output", None), dict)
    for each in all_layers(model):
        if named and isinstance(each, Answers):
            return each
        if not named and isinstance(each, ClassHead) and each.units == model.output_shape[-1]:
            return each
    return None


def remember_preprocessing(model, preprocessing):
    """Stores preprocessing in a model.

    Args:
        model: A `keras.Model`.
        preprocessing: As `Remembers.remember` takes it.

    Raises:
        ValueError: If the model has no layer that stores it.
    """
    card = remembering(model)
    if card is None:
        raise UserError(
            f"Preprocessing is stored in a ClassHead, or in the Answers that "
            f"keras_vit.tasks.answering adds: {model.name!r} has neither."
        )
    card.remember(preprocessing)


def class_names_of(model):
    """Returns the names of a model's classes.

    Args:
        model: A `keras.Model` with a name for each layer.

    Returns:
        A list of `K` names in the order of the labels, or `None` where the model has none.
    """
    return getattr(remembering(model), "class_names", None)


def preprocessing_of(model):
    """Returns the preprocessing that a model stores.

    Args:
        model: A model of images `(B, H, W, C)`.

    Returns:
        A `Preprocessing` for images of the model's size; the whole picture, if the model stores
        none.
    """
    remembered = getattr(remembering(model), "preprocessing", None) or Preprocessing()
    return dataclasses.replace(remembered, image_size=model.input_shape[1:3])
