"""Recognises a checkpoint from the names and shapes of its arrays."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from keras_vit.checkpoints import google, hugging_face, timm, yolos
from keras_vit.checkpoints.architecture import Architecture, architecture_of
from keras_vit.checkpoints.download import local_path
from keras_vit.checkpoints.mapping import same
from keras_vit.checkpoints.read import read_arrays, read_configuration
from keras_vit.checkpoints.wrappers import prefix_of, without_prefix
from keras_vit.errors import UserError, first_few
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.tasks import class_names_of, preprocessing_of
from keras_vit.tasks.keras_file import open_keras_file

FORMATS = (timm, google, yolos, hugging_face)  # YOLOS has the names of a ViT, and more
USUAL = Preprocessing(crop_ratio=0.875)  # where a checkpoint has none of its own


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecognisedCheckpoint:
    """A checkpoint that was recognised.

    Attributes:
        format: Whose names it has: `"timm"`, `"Google"`, `"Hugging Face"` or `"keras_vit"`.
        architecture: The `Architecture` of the model that made it.
        arrays: Its arrays by name.
        table: Maps the path of each weight of ours to a `keras_vit.checkpoints.mapping.Entry`.
        class_names: Names of the classes, where the checkpoint or a file beside it has them.
        preprocessing: What evaluation does to a picture before the model sees it.
        notes: Texts, what the configuration asks for and is not done.
        prefix: What a wrapper put before the names, for example `"module."`; empty without one.
        beside: Names of the arrays without the prefix, for example those of a head.
    """

    format: str
    architecture: Architecture
    arrays: dict
    table: dict
    class_names: list | None = None
    preprocessing: Preprocessing = USUAL
    notes: tuple[str, ...] = ()
    prefix: str = ""
    beside: tuple[str, ...] = ()

    def __str__(self):
        """Describes the checkpoint on one line."""
        architecture = self.architecture
        config, pool = architecture.config, architecture.pool or "no"
        blocks = f" {config.stem_blocks}" if config.stem == "resnet" else ""
        parts = [
            f"{self.format}, {config.image_size[0]}x{config.image_size[1]} pixels in patches of "
            f"{config.patch_size}",
            f"width {config.width}, depth {config.depth}, {config.num_heads} heads, MLP "
            f"{config.mlp_dim} {config.activation}",
            f"{config.num_registers} registers" if config.num_registers else None,
            "LayerScale" if config.layer_scale is not None else None,
            "a distillation token" if config.distillation_token else None,
            "positions between blocks" if config.mid_positions else None,
            f"stem {config.stem}{blocks}" if config.stem != "linear" else None,
            "locality" if config.locality else None,
            "boxes" if architecture.detector else f"{pool.replace('_', ' ')} pooling",
            f"{architecture.num_classes:,} classes" if architecture.num_classes else "no head",
            f"epsilon {config.norm_epsilon:g}, mean {architecture.mean}, std {architecture.std}",
            f"not done as its configuration says: {', '.join(self.notes)}" if self.notes else None,
        ]
        if self.prefix:
            parts.insert(1, " and ".join([f"names behind {self.prefix!r}", *self.beside]))
        return "; ".join(part for part in parts if part)


def recognise(
    source, *, num_heads=None, grid=None, activation=None, norm_epsilon=None, mean=None, std=None
):
    """Recognises a checkpoint from the names and shapes of its arrays.

    Precedence for what the arrays do not show: arguments, then `config.json` beside the file, then
    what models of the family have.

    Args:
        source: A `.safetensors` or `.npz` file, the index of a sharded one, a folder that holds
            one, or a `.keras` file of ours. Or a name of a file that is then downloaded once:
            `hf:owner/name` on the Hugging Face Hub, with `@revision` or `/x.safetensors` or both
            after it; or an address, `https://host/x.safetensors`, with `#sha256=...` after it.
        num_heads: Attention heads.
        grid: Rows and columns of patches; by default those in the configuration, or a square.
        activation: Activation of the MLPs, as `keras_vit.models.ViTConfig` takes it.
        norm_epsilon: Epsilon of every norm.
        mean: Mean of the pixels on the scale 0 to 1, one number or one per channel.
        std: Standard deviation of the pixels on that scale, one number or one per channel.

    Returns:
        A `RecognisedCheckpoint`.

    Raises:
        ValueError: If the file cannot be downloaded, read or recognised, its arrays contradict each
            other or an argument, a weight is NaN or infinite, or a `.keras` file is given with
            any argument.
    """
    settings = dict(
        num_heads=num_heads, activation=activation, norm_epsilon=norm_epsilon, mean=mean, std=std
    )
    settings = {name: value for name, value in settings.items() if value is not None}
    path = local_path(source)
    if path.suffix == ".keras":
        return _recognise_own(source, {**settings, **({} if grid is None else {"grid": grid})})
    chosen, arrays, prefix, beside = _recognise_format(source, path)
    settings = {**_read_config(chosen, source, path), **settings}
    arrays = chosen.normalise(arrays)
    architecture = chosen.architecture(
        arrays,
        num_heads=settings.pop("num_heads", None),
        grid=grid,
        image_size=settings.pop("image_size", None),
        is_ours=settings.pop("is_ours", False),
        pool=settings.pop("pool", None),
    )
    class_names = settings.pop("class_names", None)
    pixels = {name: settings.pop(name) for name in ("mean", "std") if name in settings}
    preprocessing, notes = settings.pop("preprocessing", USUAL), settings.pop("notes", ())
    config = dataclasses.replace(architecture.config, **settings)
    architecture = dataclasses.replace(architecture, config=config, **pixels)
    if preprocessing.image_size not in (None, config.image_size):
        notes += (f"images of {preprocessing.image_size} (the model takes {config.image_size})",)
    scale = dict(mean=architecture.mean, std=architecture.std)
    preprocessing = preprocessing.but(image_size=config.image_size, **scale)
    table = chosen.table(architecture, arrays)
    _check_names(source, arrays, table)
    _check_finite(source, arrays)
    if class_names is not None and len(class_names) != architecture.num_classes:
        class_names = None  # of another head
    return RecognisedCheckpoint(
        format=chosen.NAME,
        architecture=architecture,
        arrays=arrays,
        table=table,
        class_names=class_names,
        preprocessing=preprocessing,
        notes=notes,
        prefix=prefix,
        beside=beside,
    )


def _recognise_format(source, path):
    """Returns the format, its arrays by name, their prefix and the names of those without it."""
    arrays = read_arrays(path)
    for each in FORMATS:
        try:
            prefix = prefix_of(arrays, each.PROJECTION)
            plain = arrays if not prefix else without_prefix(arrays, prefix)
        except ValueError as error:
            raise UserError(f"{source}: {error}") from error
        if prefix is not None and each.matches(plain):
            beside = (name for name in arrays if not name.startswith(prefix))
            return each, plain, prefix, tuple(sorted(beside))
    families = dict.fromkeys(each.NAME for each in FORMATS)
    raise UserError(
        f"{source} is no Vision Transformer of {', '.join(families)}: it "
        f"holds {len(arrays)} arrays, {first_few(sorted(arrays), 5)}."
    )


def _read_config(chosen, source, path):
    """Returns what the configuration of a checkpoint says."""
    try:
        return chosen.read_config(read_configuration(path))
    except ValueError as error:
        raise UserError(f"{source}: {error}") from error


def _check_names(source, arrays, table):
    """Raises a `ValueError` unless a table names each array of a checkpoint once."""
    named = [name for entry in table.values() for name in entry.names]
    missing, unused = sorted(set(named) - arrays.keys()), sorted(arrays.keys() - set(named))
    if missing:
        raise UserError(f"{source} lacks {len(missing)} arrays: {first_few(missing, 5)}.")
    if unused:
        raise UserError(
            f"{source} has {len(unused)} arrays that are not known: {first_few(unused, 5)}."
        )


def _check_finite(source, arrays):
    """Raises a `ValueError` if a weight holds NaN or infinity."""
    counts = {name: array.size - np.isfinite(array).sum() for name, array in arrays.items()}
    broken = [f"{count:,} in {name}" for name, count in sorted(counts.items()) if count]
    if broken:
        raise UserError(f"{source} holds numbers that are NaN or infinite: {first_few(broken, 5)}.")


def _recognise_own(source, settings):
    if settings:
        raise UserError(f"A .keras file of ours takes no {', '.join(settings)}: it holds its own.")
    if not Path(source).exists():
        raise UserError(f"There is no checkpoint at {source}.")
    model = open_keras_file(source)
    try:
        architecture = architecture_of(model)
    except ValueError as error:
        raise UserError(f"{source}: {error}") from error
    arrays = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    _check_finite(source, arrays)
    return RecognisedCheckpoint(
        format="keras_vit",
        architecture=architecture,
        arrays=arrays,
        table={path: same(path) for path in arrays},
        class_names=class_names_of(model),
        preprocessing=preprocessing_of(model).but(mean=architecture.mean, std=architecture.std),
    )
