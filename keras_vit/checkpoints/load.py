"""From a checkpoint to the model that made it, or to one of another size."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from keras_vit.checkpoints import google, hugging_face, timm
from keras_vit.checkpoints.architecture import Architecture, architecture_of
from keras_vit.checkpoints.arrays import read_arrays, read_configuration
from keras_vit.checkpoints.resize import fold_channels, resize_kernel, resize_positions
from keras_vit.checkpoints.table import same
from keras_vit.tasks import class_names_of

FORMATS = (timm, google, hugging_face)
HEADS = ("head/", "distillation_head/")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint that was recognised.

    Attributes:
        format: Whose names it has: `"timm"`, `"Google"`, `"Hugging Face"` or `"keras_vit"`.
        architecture: The `Architecture` of the model that made it.
        arrays: Its arrays by name.
        table: From the paths of our weights to `keras_vit.checkpoints.table.Entry`.
        class_names: Names of the classes, where the checkpoint or what is beside it tells them.
    """

    format: str
    architecture: Architecture
    arrays: dict
    table: dict
    class_names: list | None = None


def find(
    source, *, num_heads=None, grid=None, activation=None, norm_epsilon=None, mean=None, std=None
):
    """Recognises a checkpoint from the names and shapes of its arrays.

    Some things no array shows: what is told here goes before what a `config.json` beside the file
    says, and that before what models of the family have.

    Args:
        source: A `.safetensors` or `.npz` file, the index of a sharded one, a folder that holds
            one, or a `.keras` file of ours.
        num_heads: Attention heads.
        grid: Rows and columns of patches, as many by default.
        activation: As `keras_vit.models.ViTConfig` has it.
        norm_epsilon: Likewise.
        mean: Mean of the pixels on the scale 0 to 1, one number or one per channel.
        std: Standard deviation of the pixels, likewise.

    Returns:
        A `Found`.

    Raises:
        ValueError: If it is not recognised, or its arrays contradict each other.
    """
    given = dict(
        num_heads=num_heads, activation=activation, norm_epsilon=norm_epsilon, mean=mean, std=std
    )
    given = {name: value for name, value in given.items() if value is not None}
    if Path(source).suffix == ".keras":
        return _find_own(source, {**given, **({} if grid is None else {"grid": grid})})
    arrays = read_arrays(source)
    chosen = next((each for each in FORMATS if each.matches(arrays)), None)
    if chosen is None:
        raise ValueError(
            f"{source} is no Vision Transformer of {', '.join(each.NAME for each in FORMATS)}: it "
            f"holds {len(arrays)} arrays, {_some(arrays)}."
        )
    given = {**_told(chosen, source), **given}
    arrays = chosen.plain(arrays)
    found = chosen.architecture(
        arrays,
        num_heads=given.pop("num_heads", None),
        grid=grid,
        image_size=given.pop("image_size", None),
        is_ours=given.pop("is_ours", False),
    )
    class_names = given.pop("class_names", None)
    pixels = {name: given.pop(name) for name in ("mean", "std") if name in given}
    config = dataclasses.replace(found.config, **given)
    found = dataclasses.replace(found, config=config, **pixels)
    table = chosen.table(found, arrays)
    _check_names(source, arrays, table)
    if class_names is not None and len(class_names) != found.num_classes:
        class_names = None  # of another head
    return Found(
        format=chosen.NAME,
        architecture=found,
        arrays=arrays,
        table=table,
        class_names=class_names,
    )


def load(
    source,
    *,
    image_size=None,
    patch_size=None,
    channels=None,
    num_classes=None,
    class_names=None,
    pool=None,
    resize="bicubic",
    dropout=0.0,
    attention_dropout=0.0,
    drop_path=0.0,
    patch_dropout=0.0,
    **told,
):
    """Builds the model that made a checkpoint, and sets its weights.

    Args:
        source: As `find` takes it, or a `Found`.
        image_size: Height and width in pixels, or one number, to which the positions are resized;
            by default the checkpoint's.
        patch_size: Side of the patches in pixels, to which the kernel is resized, likewise.
        channels: Channels per pixel, for which the kernel is folded, likewise.
        num_classes: Number of classes of a new head, 0 for features; by default the checkpoint's
            head stays.
        class_names: `num_classes` names in the order of the labels.
        pool: As `keras_vit.tasks.features` takes it; by default the checkpoint's.
        resize: As `keras_vit.checkpoints.resize_positions` takes `method`.
        dropout: As `keras_vit.models.vit` takes it.
        attention_dropout: Likewise.
        drop_path: Likewise.
        patch_dropout: Likewise.
        **told: As `find` takes it.

    Returns:
        A `keras.Model` from images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`, or to features
        `(B, D)` where there are no classes.

    Raises:
        ValueError: If the checkpoint is not recognised, does not hold exactly the weights of the
            model, or cannot be resized as asked for.
    """
    if told and isinstance(source, Found):
        raise TypeError(f"`find` takes {', '.join(told)}, and has been called already.")
    found = source if isinstance(source, Found) else find(source, **told)
    old = found.architecture
    size = dict(image_size=image_size, patch_size=patch_size, channels=channels)
    size = {name: value for name, value in size.items() if value is not None}
    new = dataclasses.replace(old, config=dataclasses.replace(old.config, **size))
    if channels not in (None, old.config.channels):
        new = dataclasses.replace(new, mean=_mean(old.mean), std=_mean(old.std))
    new_head = num_classes is not None
    if new_head:
        new = dataclasses.replace(
            new, num_classes=num_classes, pre_logits=None, distillation_head=False
        )
    best = "class_token" if new.config.class_token else "mean"
    new = dataclasses.replace(new, pool=pool or new.pool or best)
    model = new.build(
        class_names=class_names if new_head or class_names is not None else found.class_names,
        dropout=dropout,
        attention_dropout=attention_dropout,
        drop_path=drop_path,
        patch_dropout=patch_dropout,
    )
    _set_weights(model, found, new, resize, new_head=new_head)
    return model


def _set_weights(model, found, new, resize, *, new_head):
    """Sets each weight of a model once, but those of a new head."""
    old_config, config = found.architecture.config, new.config
    for weight in model.weights:
        path = weight.path
        if path.endswith("seed_generator_state") or new_head and path.startswith(HEADS):
            continue
        if path not in found.table:
            raise ValueError(
                f"The checkpoint has nothing for {path}: pool={new.pool!r} has weights that it "
                "lacks."
            )
        entry = found.table[path]
        arrays = [found.arrays[name] for name in entry.names]
        try:
            array = entry.to_ours(*arrays)
        except Exception as error:  # NumPy raises many kinds
            shapes = " + ".join(f"{n} {a.shape}" for n, a in zip(entry.names, arrays, strict=True))
            raise ValueError(
                f"{shapes} must make {path} {tuple(weight.shape)}: {error}."
            ) from error
        if path == "embed/positions":
            prefix = array.shape[1] - old_config.grid[0] * old_config.grid[1]
            array = resize_positions(
                array, old_config.grid, config.grid, prefix=prefix, method=resize
            )
        if path == "embed/projection/kernel":
            array = resize_kernel(array, old_config.patch_size, config.patch_size, method=resize)
            array = fold_channels(array, old_config.channels, config.channels)
        if array.shape != tuple(weight.shape):
            raise ValueError(
                f"{' + '.join(entry.names)} must make {path} {tuple(weight.shape)}: received "
                f"{array.shape}."
            )
        weight.assign(array)


def _told(chosen, source):
    """Returns what the configuration of a checkpoint tells."""
    try:
        return chosen.told(read_configuration(source))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _check_names(source, arrays, table):
    """Raises a `ValueError` unless a table names each array of a checkpoint once."""
    named = [name for entry in table.values() for name in entry.names]
    missing, unused = sorted(set(named) - arrays.keys()), sorted(arrays.keys() - set(named))
    if missing:
        raise ValueError(f"{source} lacks {len(missing)} arrays: {_some(missing)}.")
    if unused:
        raise ValueError(f"{source} has {len(unused)} arrays that are not known: {_some(unused)}.")


def _find_own(source, given):
    if given:
        raise ValueError(f"A .keras file of ours tells all itself: received {', '.join(given)}.")
    try:
        model = keras.saving.load_model(source, compile=False)
    except Exception as error:  # zip and Keras raise many kinds
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{source} cannot be read as a model: {reason}") from error
    weights = [w for w in model.weights if not w.path.endswith("seed_generator_state")]
    try:
        found = architecture_of(model)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return Found(
        format="keras_vit",
        architecture=found,
        arrays={weight.path: keras.ops.convert_to_numpy(weight) for weight in weights},
        table={weight.path: same(weight.path) for weight in weights},
        class_names=class_names_of(model),
    )


def _mean(values):
    """Returns what stands for each channel, where they are others than before."""
    return float(np.mean(values))


def _some(names):
    names = sorted(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
