"""Locality guidance: the feature maps of a trained CNN guide the tokens of a student."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.tasks.depths import token_maps
from keras_vit.tasks.teacher import AskModel

# Padded maps have a size of their own, and normed pixels are no features.
NO_STAGES = (keras.Model, keras.layers.Normalization, keras.layers.ZeroPadding2D)


class Guide(NamedTuple):
    """A model whose feature maps guide a student.

    Attributes:
        maps: From images `(B, H, W, C)`, 0 to 255, to a list of maps `(B, h, w, c)`, from the first
            to the last; it learns nothing.
        image_shape: The shape `(H, W, C)` of these images.
        map_shapes: The shape `(h, w, c)` of each map.
    """

    maps: Callable
    image_shape: tuple[int, int, int]
    map_shapes: Sequence[tuple[int, int, int]]


def guide_of(model, layers=()):
    """Makes a guide of a model with feature maps, such as a CNN.

    Args:
        model: A functional or sequential Keras model from images `(B, H, W, C)`, 0 to 255.
        layers: Names of the layers whose outputs are the maps; by default the last layer of each
            size of more than one place, from the first layer with weights on: the stages of a CNN.

    Returns:
        A `Guide`.

    Raises:
        ValueError: If a layer is missing or gives no map, or there is no map at all.
    """
    known = _map_layers(model)
    if layers:
        if missing := [name for name in layers if name not in known]:
            raise UserError(
                f"A guide's layers must be some of those with maps, {', '.join(known)}: received "
                f"{missing[0]}."
            )
        if len(set(layers)) < len(layers):
            raise UserError(f"A guide's layers must be different: received {', '.join(layers)}.")
        chosen = list(layers)
    else:  # of one size, the last remains
        chosen = list({layer.output.shape[1:3]: name for name, layer in known.items()}.values())
    if not chosen:
        raise UserError(
            f"A guide needs layers with feature maps (B, h, w, C), as a CNN has them, outside of "
            f"nested models: {model.name} has none."
        )
    maps = keras.Model(model.inputs[0], [known[name].output for name in chosen])
    shapes = [tuple(known[name].output.shape[1:]) for name in chosen]
    return Guide(lambda images: maps(images, training=False), model.input_shape[1:], shapes)


def guided(model, guide, *, weight=2.5):
    """Extends a graph that trains a student by the loss of its tokens to the maps of a guide.

    "Locality Guidance for Improving Vision Transformers on Tiny Datasets" (arXiv:2207.10026): the
    tokens of some blocks, arranged as maps, are projected to the channels of the guide's maps; the
    smaller of both is enlarged to the other; and the mean squared errors, added up over the maps,
    count `weight` times beside the other losses. The first map guides the first block, the last map
    the last block, and the others blocks at equal distances between them.

    The projections are trained, but are no part of the student. The guide's weights belong to no
    layer of the graph: they are not trained, not averaged and not saved with it.

    Args:
        model: A model that `keras_vit.tasks.classifier` or `keras_vit.tasks.taught` built, without
            `patch_dropout`.
        guide: A `Guide`, which sees the same pixels, resized to its own images.
        weight: What the errors count, above 0.

    Returns:
        A `keras.Model` named `"guided"`, with the outputs of `model`;
        `keras_vit.tasks.student_of` returns the student.

    Raises:
        ValueError: If the images have other channels, there are fewer blocks than maps, patches
            are dropped, or `weight` is not above 0.
    """
    if not weight > 0:
        raise UserError(f"`weight` of a guide must be above 0: received {weight}.")
    channels, seen = model.input_shape[-1], guide.image_shape[-1]
    if channels != seen:
        raise UserError(f"A guide must see the student's {channels} channels: received {seen}.")
    names = [layer.name for layer in model.layers if layer.name.startswith("block")]
    names = [names[index] for index in guided_blocks(len(names), len(guide.map_shapes))]
    tokens = token_maps(model, names).output
    projected = [
        keras.layers.Dense(shape[-1], name=f"guided_{name}")(tokens[name])
        for name, shape in zip(names, guide.map_shapes, strict=True)
    ]
    asked = AskForMaps(guide.maps, guide.image_shape[:2], guide.map_shapes, name="guide")
    follow = FollowMaps(weight, name="follow_maps")
    outputs = follow(model.output, projected, asked(model.input))
    return keras.Model(model.input, outputs, name="guided")


def guided_blocks(depth, count):
    """Chooses the blocks that maps guide: `[0, 6, 11]` for twelve blocks and three maps.

    Args:
        depth: Number of blocks.
        count: Number of maps; one map guides the last block.

    Returns:
        `count` indices of blocks.

    Raises:
        ValueError: If there are fewer blocks than maps.
    """
    if count > depth:
        raise UserError(
            "A student needs at least as many blocks as its guide has maps: received "
            f"{depth} blocks and {count} maps, of which `guide_layers` names some."
        )
    if count == 1:
        return [depth - 1]
    return [int(place * (depth - 1) / (count - 1) + 0.5) for place in range(count)]


class AskForMaps(AskModel):
    """Answers images `(B, H, W, C)` with a list of feature maps `(B, h, w, c)`, without gradient.

    Args:
        maps: As `Guide` has them; what they are made of is not tracked.
        image_size: Height and width of the guide's images, to which others are resized.
        map_shapes: As `Guide` has them.
    """

    def __init__(self, maps, image_size, map_shapes, **kwargs):
        super().__init__(maps, image_size, **kwargs)
        self.map_shapes = list(map_shapes)

    def compute_output_shape(self, shape):
        return [(shape[0], *each) for each in self.map_shapes]

    def call(self, images):
        return self.asked(images)


class FollowMaps(keras.layers.Layer):
    """Passes answers on, and adds the loss of a student's maps to those of its guide.

    Args:
        weight: What the sum of the mean squared errors counts.
    """

    def __init__(self, weight, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.weight = weight

    def call(self, answers, student, guide):
        """Adds the loss.

        Args:
            answers: A tensor of any shape.
            student: A list of maps `(B, h, w, c)`.
            guide: A list of as many maps `(B, h', w', c)`.

        Returns:
            The answers.
        """
        pairs = zip(student, guide, strict=True)
        errors = [ops.mean(ops.square(one - other)) for one, other in map(_of_one_size, pairs)]
        self.add_loss(self.weight * sum(errors))
        return answers


def _of_one_size(maps):
    size = [max(sides) for sides in zip(*(each.shape[1:3] for each in maps), strict=True)]
    return [ops.image.resize(each, size, interpolation="bilinear") for each in maps]


def _map_layers(model):
    """Returns the layers with maps, by name, from the first layer with weights on."""
    layers = getattr(model, "layers", [])
    first = next((i for i, layer in enumerate(layers) if layer.weights), len(layers))
    found = {}
    for layer in layers[first:]:
        if isinstance(layer, NO_STAGES):
            continue
        shape = getattr(layer.output, "shape", ())  # several outputs are no map
        if len(shape) == 4 and None not in shape[1:] and shape[1] * shape[2] > 1:
            found[layer.name] = layer
    return found
