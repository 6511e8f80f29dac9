"""A teacher beside a student: one graph that answers with both, and the student of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
from keras import ops, tree

from keras_vit.errors import UserError, first_few
from keras_vit.tasks.classify import average_of_heads


class Teacher(NamedTuple):
    """A classifier that teaches another one.

    Attributes:
        answer: From images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`; it learns nothing.
        image_shape: The shape `(H, W, C)` of these images.
        num_classes: Number of classes `K`.
        class_names: Names of the classes in their order; empty where they are not known, which are
            then those of the student.
    """

    answer: Callable
    image_shape: tuple[int, int, int]
    num_classes: int
    class_names: Sequence[str] = ()


def taught(student, teacher=None, class_names=()):
    """Extends a classifier to a graph that trains, from images `(B, H, W, C)` to `(B, A, K)`.

    Along `A` are the logits of the student's heads, one or two, and those of the teacher, who sees
    the same pixels, resized to its own images. The teacher's weights belong to no layer of the
    graph: they are not trained, not averaged and not saved with it.

    Args:
        student: A model that `keras_vit.tasks.classifier` built, with or without a
            `distillation_head`.
        teacher: A `Teacher`; `None` where the targets of the training hold its answers, and the
            graph only those of the student.
        class_names: Names of the student's classes in their order, to find those of the teacher.

    Returns:
        A `keras.Model` named `"taught"`; `student_of` returns the student again.

    Raises:
        ValueError: If both do not know the same classes, or their images have other channels.
    """
    heads = [layer.output for layer in _heads(student)]
    if teacher is not None:
        how = dict(num_classes=heads[0].shape[-1], channels=student.input_shape[-1])
        heads.append(asking(teacher, class_names=class_names, **how)(student.input))
    return keras.Model(student.input, ops.stack(heads, axis=1), name="taught")


def asking(teacher, *, num_classes, channels, class_names=()):
    """Makes the layer that asks a teacher for the logits of a student's classes.

    Args:
        teacher: A `Teacher`.
        num_classes: Number of the student's classes `K`.
        channels: Channels of its images.
        class_names: As `taught` takes them.

    Returns:
        An `AskTeacher`.

    Raises:
        ValueError: As `taught` does.
    """
    order = _order(list(teacher.class_names), list(class_names))
    known, seen = teacher.num_classes, teacher.image_shape[-1]
    if (known, seen) != (num_classes, channels):
        raise UserError(
            f"A teacher must know the student's {num_classes} classes, and see its {channels} "
            f"channels: received one of {known} classes and {seen} channels."
        )
    size = teacher.image_shape[:2]
    return AskTeacher(teacher.answer, num_classes, size, order=order, name="teacher")


def student_of(model):
    """Returns the student of a graph that `taught` built, a classifier of logits `(B, K)`.

    Args:
        model: The graph; its layers are shared.

    Returns:
        A `keras.Model` named `"classifier"`. Where it has two heads, it answers with the mean
        of their logits, as the code of DeiT does; its paper adds the probabilities
        (arXiv:2012.12877, section 4).
    """
    heads = [layer.output for layer in _heads(model)]
    return keras.Model(model.input, average_of_heads(heads), name="classifier")


class AskModel(keras.layers.Layer):
    """Shows images `(B, H, W, C)` to a model that learns nothing; a subclass defines `call`.

    Args:
        ask: Called with images of the model's size, float32, 0 to 255; what it is made of is not
            tracked.
        image_size: Height and width of these images, to which others are resized.
    """

    def __init__(self, ask, image_size, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.image_size = tuple(image_size)
        # Behind a function: Keras would track a model, and train and save it.
        self.ask = lambda images: ask(images)

    def build(self, shape):
        # Only where a side shrinks: XLA cannot compile it for the CPU.
        self.antialias = any(
            new < old for new, old in zip(self.image_size, shape[1:3], strict=True)
        )
        self.supports_jit = not self.antialias

    def asked(self, images):
        """Returns what the model answers to images `(B, H, W, C)`, float32, without gradient."""
        images = ops.cast(images, "float32")
        if tuple(images.shape[1:3]) != self.image_size:
            how = dict(interpolation="bilinear", antialias=self.antialias)
            images = ops.image.resize(images, self.image_size, **how)
        answers = self.ask(images)
        return tree.map_structure(lambda x: ops.stop_gradient(ops.cast(x, "float32")), answers)


class AskTeacher(AskModel):
    """Answers images `(B, H, W, C)` with the logits `(B, K)` of a teacher, which get no gradient.

    Args:
        answer: As `Teacher` has it; what it is made of is not tracked.
        num_classes: Number of classes `K`.
        image_size: Height and width of the teacher's images, to which others are resized.
        order: The teacher's number of each class, in the order of the student's; `None` if both
            have the same order.
    """

    def __init__(self, answer, num_classes, image_size, *, order=None, **kwargs):
        super().__init__(answer, image_size, **kwargs)
        self.num_classes = num_classes
        self.order = order

    def compute_output_shape(self, shape):
        return (shape[0], self.num_classes)

    def call(self, images):
        logits = self.asked(images)
        return logits if self.order is None else ops.take(logits, self.order, axis=1)


def _heads(model):
    layers = {layer.name: layer for layer in model.layers}
    return [layers[name] for name in ("head", "distillation_head") if name in layers]


def _order(known, names):
    """Returns the teacher's number of each of the student's classes, or `None` if they are equal.

    Raises:
        ValueError: If both have names, and not the same ones.
    """
    if known == names or not known or not names:
        return None
    if missing := sorted(set(names) - set(known)) or sorted(set(known) - set(names)):
        whose = "the teacher lacks" if set(names) - set(known) else "the student lacks"
        raise UserError(
            f"A teacher and a student must know the same classes: {whose} {first_few(missing)}."
        )
    if len(set(names)) < len(names) or len(known) != len(names):
        raise UserError(
            "Classes that share a name must stand in the same order for teacher and student."
        )
    return [known.index(name) for name in names]
