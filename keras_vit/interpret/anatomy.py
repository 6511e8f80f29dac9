"""What the explanations need of a model: its patches, its blocks and what it answers."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.tasks import class_names_of
from keras_vit.tasks.deployed import remembering


class Anatomy(NamedTuple):
    """The parts of a Vision Transformer.

    Attributes:
        embed: The layer that makes tokens of patches.
        blocks: The encoder's `TransformerBlock`s in their order.
        pool: The layer that pools the tokens, or `None`.
    """

    embed: keras.layers.Layer
    blocks: list
    pool: keras.layers.Layer | None

    @property
    def prefix(self):
        """How many tokens precede the patches."""
        return self.embed.num_prefix_tokens

    @property
    def has_windows(self):
        """Whether attention of some block stays within windows."""
        return any(block.windows for block in self.blocks)

    @property
    def tokens(self):
        """Which of the `T` tokens are of which kind: slices by name, those of the patches last."""
        embed, begin = self.embed, 0
        counts = {
            "class token": int(embed.class_token),
            "distillation token": int(embed.distillation_token),
            "registers": embed.num_registers,
            "patches": embed.grid[0] * embed.grid[1],
        }
        found = {}
        for name, count in counts.items():
            if count:
                found[name] = slice(begin, begin + count)
            begin += count
        return found

    def to_map(self, values):
        """Turns a number for each token `(B, T)`, or patch `(B, N)`, into maps `(B, h, w)`."""
        rows, columns = self.embed.grid
        return ops.reshape(values[:, -rows * columns :], (-1, rows, columns))


def anatomy(model):
    """Finds the parts of a model.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.

    Returns:
        An `Anatomy`.

    Raises:
        ValueError: If the model has no such layers.
    """
    layers = {layer.name: layer for layer in getattr(model, "layers", [])}
    blocks = [layer for name, layer in layers.items() if name.startswith("block")]
    if not blocks or "embed" not in layers:
        raise UserError(f"The model {model.name!r} has no blocks of a Vision Transformer of ours.")
    return Anatomy(layers["embed"], blocks, layers.get("pool"))


class Question(NamedTuple):
    """What is explained: one of several numbers that a model gives for each image.

    Attributes:
        graph: The model from images `(B, H, W, C)` to outputs.
        numbers: Picks the numbers of the outputs, `(B, K)`.
        index: Which of them: one integer, or one for each image `(B,)`; `None` for the largest one
            of each image.
        are_logits: Whether the numbers are logits of classes.
    """

    graph: keras.Model
    numbers: Callable[[object], object]
    index: int | np.ndarray | None
    are_logits: bool = False

    def of(self, images):
        """Returns the numbers `(B, K)` of images `(B, H, W, C)`."""
        return ops.cast(self.numbers(self.graph(images, training=False)), "float32")

    def chosen(self, numbers):
        """Returns which of the numbers `(B, K)` is explained, integers `(B,)`."""
        if self.index is None:
            return ops.argmax(numbers, axis=-1)
        if np.ndim(self.index) and numbers.shape[0] not in (None, len(self.index)):
            raise UserError(
                f"Each image needs a target: received {len(self.index)} for {numbers.shape[0]}."
            )
        return ops.broadcast_to(ops.cast(self.index, "int32"), ops.shape(numbers)[:1])

    def score(self, images, chosen=None):
        """Returns the number that is explained, `(B,)`; by default the one that `chosen` says."""
        numbers = self.of(images)
        return pick(numbers, self.chosen(numbers) if chosen is None else chosen)


def pick(numbers, chosen):
    """Returns one of the numbers `(B, K)` of each image, `(B,)`."""
    return ops.take_along_axis(numbers, chosen[:, None], axis=1)[:, 0]


class Pixel(NamedTuple):
    """A pixel of the mask that a segmentation answers with, as a target.

    Attributes:
        row: Its row, from 0.
        column: Its column.
        target: Index or name of the class; `None` for the one that the pixel is given.
    """

    row: int
    column: int
    target: int | str | None = None


def question(model, target=None):
    """Says what is explained of a model's answer.

    Args:
        model: A classifier or a model of features, whose outputs are `(B, K)`; a deployed detector;
            or a segmenter, also a deployed one.
        target: An index or the name of a class, the index of a feature, the place of a box among
            the answered ones, the name of the class whose surest box it is, or a `Pixel`; or
            integers `(B,)`, an index for each image. `None` asks for the largest number: the class
            that is answered, or the surest box.

    Returns:
        A `Question`.

    Raises:
        ValueError: If the model has no such output, or there is no such class.
    """
    outputs = model.output
    if isinstance(target, Pixel):
        return _of_pixel(model, target)
    if isinstance(outputs, dict) and "scores" in outputs:
        scores = _scores_of(_index(model, target) if isinstance(target, str) else None)
        place = None if isinstance(target, str) else target
        return _checked(Question(model, scores, place), outputs["scores"])
    if isinstance(outputs, dict) or len(outputs.shape) != 2:
        raise UserError(
            "A model that answers with maps is explained at one `Pixel` of them: "
            f"received target={target!r}."
        )
    index, are_logits = _index(model, target), remembering(model) is not None
    return _checked(Question(model, lambda found: found, index, are_logits), outputs)


def _scores_of(index):
    """Returns what picks the scores of boxes: of a class, or of all where `index` is `None`."""

    def scores(found):
        if index is None:
            return found["scores"]
        return ops.where(ops.equal(found["classes"], index), found["scores"], 0.0)

    return scores


def _of_pixel(model, pixel):
    layers = [layer for layer in model.layers if layer.name == "pixel_logits"]
    if not layers:
        raise UserError(
            "A pixel is explained of a segmentation that sees a picture at once: received "
            f"{model.name!r}."
        )
    logits = layers[0].output
    height, width, _ = logits.shape[1:]
    if not (0 <= pixel.row < height and 0 <= pixel.column < width):
        raise UserError(
            f"A pixel must lie within {height} rows and {width} columns: received row "
            f"{pixel.row}, column {pixel.column}."
        )
    graph = keras.Model(model.input, logits)
    index = _index(model, pixel.target)
    asked = Question(graph, lambda found: found[:, pixel.row, pixel.column], index, True)
    return _checked(asked, logits)


def _index(model, target):
    if not isinstance(target, str):
        return target
    names = class_names_of(model) or []
    if target not in names:
        raise UserError(f"The model has no class called {target!r}.")
    if names.count(target) > 1:
        places = ", ".join(str(place) for place, name in enumerate(names) if name == target)
        raise UserError(f"Several classes are called {target!r}: name one by its index, {places}.")
    return names.index(target)


def _checked(asked, outputs):
    count = outputs.shape[-1]
    if asked.index is not None:
        outside = [each for each in np.ravel(asked.index) if not 0 <= each < count]
        if outside:
            raise UserError(f"`target` must lie in [0, {count}): received {outside[0]}.")
    return asked
