"""Hugging Face's YOLOS: a ViT whose detection tokens answer with boxes."""

import dataclasses
import re

import numpy as np

from keras_vit.checkpoints import hugging_face
from keras_vit.checkpoints.arrays import has_part, named_once, shape_of
from keras_vit.checkpoints.config_values import value_of
from keras_vit.checkpoints.families import IMAGENET
from keras_vit.checkpoints.image_processors import read_processor
from keras_vit.checkpoints.mapping import Entry, dense
from keras_vit.errors import UserError

NAME = hugging_face.NAME
PROJECTION = hugging_face.PROJECTION
TOKENS = "embeddings.detection_tokens"
POSITIONS = "embeddings.position_embeddings"
MID_POSITIONS = "encoder.mid_position_embeddings"
HEADS = {"class": "class_labels_classifier", "box": "bbox_predictor"}
LAYERS = ("hidden0", "hidden1", "head")
MOVED = re.compile(r"^encoder\.interpolation\.")  # as models of transformers 5 call them in memory
PIXELS = ("image_mean", "image_std", "do_normalize", "do_rescale", "rescale_factor", "resample")


def matches(arrays):
    """Returns whether `arrays`, a dictionary by name, have the names of YOLOS.

    Raises:
        ValueError: If `normalise` does.
    """
    is_yolos = has_part(arrays, "detection_tokens", "mid_position_embeddings", *HEADS.values())
    return is_yolos and hugging_face.matches(arrays)


def normalise(arrays):
    """Drops the model's name from the names of arrays, and the arrays that we do not use.

    Args:
        arrays: Arrays by their names in the file.

    Returns:
        Arrays by the names that `architecture` and `table` use.

    Raises:
        ValueError: If two arrays get the same name.
    """
    arrays = hugging_face.normalise(arrays)
    return named_once((MOVED.sub("encoder.", name), array) for name, array in arrays.items())


def read_config(config):
    """Reads what `config.json` and `preprocessor_config.json` say about the model.

    YOLOS takes pictures of any size, resized by their shorter and longer edge. Ours take one size,
    to which pictures are squashed; boxes follow.

    Args:
        config: The object of `config.json`; that of the other file is its `preprocessor_config`.

    Returns:
        A dictionary, as `keras_vit.checkpoints.hugging_face.read_config` returns it.

    Raises:
        ValueError: As that function does.
    """
    processor = value_of(config, "preprocessor_config", "an object")
    others = {name: value for name, value in config.items() if name != "preprocessor_config"}
    settings = hugging_face.read_config(others)
    if processor is not None:
        pixels = {name: processor[name] for name in PIXELS if processor.get(name) is not None}
        defaults = {f"image_{name}": list(values) for name, values in IMAGENET.items()}
        read = read_processor({**defaults, **pixels}, "vit")
        if isinstance(processor.get("size"), dict) and "shortest_edge" in processor["size"]:
            read["notes"] += ("shortest_edge (pictures are squashed to the size of the model)",)
        settings |= read
    return settings


def architecture(arrays, *, num_heads=None, grid=None, image_size=None, is_ours=False, pool=None):
    """Reads the architecture off names and shapes.

    Args:
        arrays: Arrays by name, as `normalise` returns them.
        num_heads: Attention heads; by default as many as published models of this width have.
        grid: Rows and columns of patches; by default what `image_size` makes, or a square.
        image_size: Height and width in the configuration, in pixels, or `None`.
        is_ours: Not used: only timm's format is exported.
        pool: Not used: nothing is pooled.

    Returns:
        An `Architecture`; without a head, that of a model which returns the class token.

    Raises:
        ValueError: As that of `keras_vit.checkpoints.hugging_face` does.
    """
    count = shape_of(arrays, TOKENS, 3)[1]
    if shape_of(arrays, POSITIONS, 3)[1] <= count:
        raise UserError(
            f"{POSITIONS} must have a row for each of {count} detection tokens and each patch: "
            f"received {arrays[POSITIONS].shape}."
        )
    heads = tuple(HEADS.values())
    plain = {name: array for name, array in arrays.items() if not name.startswith(heads)}
    plain[POSITIONS] = arrays[POSITIONS][:, :-count]
    told = dict(num_heads=num_heads, grid=grid, image_size=image_size)
    vit = hugging_face.architecture(plain, **told)
    has_mid = has_part(arrays, MID_POSITIONS)
    config = dataclasses.replace(vit.config, num_registers=count, mid_positions=has_mid)
    detector = has_part(arrays, *heads)
    logits = shape_of(arrays, f"{HEADS['class']}.layers.2.weight", 2)[0] if detector else 1
    return dataclasses.replace(
        vit, config=config, num_classes=logits - 1, detector=detector, **IMAGENET
    )


def table(architecture, arrays):
    """Returns which of the checkpoint's arrays each weight of a model is made of.

    Their tokens are the class token, the patches and the detection tokens; ours have the detection
    tokens, which are registers, before the patches. Registers have no row in our first table, which
    is part of the token instead.

    Args:
        architecture: The `Architecture` of the model.
        arrays: Arrays by name, as `normalise` returns them.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    config = architecture.config
    count = config.num_registers
    vit = dataclasses.replace(config, num_registers=0)
    entries = hugging_face.table(
        dataclasses.replace(architecture, config=vit, num_classes=0), arrays
    )
    entries["embed/positions"] = Entry((POSITIONS,), lambda table: table[:, :-count])
    entries["embed/registers"] = Entry(
        (TOKENS, POSITIONS), lambda tokens, table: tokens + table[:, -count:]
    )
    for index in range(config.depth - 1 if config.mid_positions else 0):
        entries[f"positions{index:02d}/positions"] = Entry(
            (MID_POSITIONS,), lambda tables, index=index: _registers_first(tables[index], count)
        )
    for ours, theirs in HEADS.items() if architecture.detector else ():
        for index, layer in enumerate(LAYERS):
            entries |= dense(f"{ours}_{layer}", f"{theirs}.layers.{index}")
    return entries


def _registers_first(table, count):
    """Puts the last rows of a table `(1, T, D)` behind the first, that of the class token."""
    return np.concatenate([table[:, :1], table[:, -count:], table[:, 1:-count]], axis=1)
