"""Builds the model that made a checkpoint, or one of another size."""

import dataclasses
import warnings

import keras
import numpy as np

from keras_vit.checkpoints.recognise import RecognisedCheckpoint, recognise
from keras_vit.checkpoints.resize import fold_channels, resize_kernel, resize_positions
from keras_vit.errors import UserError
from keras_vit.tasks.deployed import remember_preprocessing

HEADS = ("head/", "distillation_head/")
EMBEDDED = "embed/positions"  # the table without a row for registers


def load(
    source,
    *,
    image_size=None,
    patch_size=None,
    channels=None,
    num_registers=None,
    window=None,
    global_blocks=4,
    num_classes=None,
    class_names=None,
    pool=None,
    resize="bicubic",
    dropout=0.0,
    attention_dropout=0.0,
    drop_path=0.0,
    patch_dropout=0.0,
    **options,
):
    """Builds the model that made a checkpoint, and sets its weights.

    Args:
        source: A `.safetensors` or `.npz` file, the index of a sharded one, a folder that holds
            one, a `.keras` file of ours; a name such as `hf:owner/name`, or an address such as
            `https://host/x.safetensors`, as `recognise` takes them; or a `RecognisedCheckpoint`.
        image_size: Height and width in pixels, or one number for both, to which the positions are
            resized; by default the checkpoint's.
        patch_size: Side of the patches in pixels, to which the kernel is resized; by default the
            checkpoint's.
        channels: Channels per pixel, for which the kernel is folded; by default the checkpoint's.
        num_registers: How many registers the model has; if that is another number than the
            checkpoint's, they are new, and so are their positions between blocks. By default the
            checkpoint's.
        window: Side in patches of the windows within which blocks attend, for large pictures (see
            `keras_vit.models.ViTConfig`): their cost grows with the area and not with its square.
            The model then has no class token and no other prefix token. `None` attends globally.
        global_blocks: How many blocks attend globally where there is a `window`, at most all.
        num_classes: Number of classes of a new head of a classifier, 0 for features; by default the
            checkpoint's head stays.
        class_names: `num_classes` names in the order of the labels; by default those of the
            checkpoint, if its head stays.
        pool: As `keras_vit.tasks.features` takes it; by default the checkpoint's.
        resize: `"bicubic"`, `"bicubic_plain"` or `"bilinear"`, how positions and the kernel are
            resized: see `keras_vit.checkpoints.resize`.
        dropout: Rate on the embedded tokens and after every dense layer of a block.
        attention_dropout: Rate on the attention scores.
        drop_path: Rate of stochastic depth in the last block.
        patch_dropout: Share of the patches dropped in training.
        **options: Arguments of `recognise`, unless `source` is a `RecognisedCheckpoint`.

    Returns:
        A `keras.Model` from images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`, or to features
        `(B, D)` where there are no classes. Of a detector whose head stays, it is the deployed
        model, which answers with `boxes`, `scores` and `classes`.

    Raises:
        ValueError: If the checkpoint is not recognised, does not hold exactly the weights of the
            model, or cannot be resized to these sizes.
        TypeError: If there are `options` and `source` is a `RecognisedCheckpoint`.
    """
    if options and isinstance(source, RecognisedCheckpoint):
        raise TypeError(f"Pass {', '.join(options)} to `recognise`, which made this checkpoint.")
    checkpoint = source
    if not isinstance(source, RecognisedCheckpoint):
        checkpoint = recognise(source, **options)
        for note in checkpoint.notes:
            warnings.warn(f"Not done as the configuration of {source} says: {note}.", stacklevel=2)
    old = checkpoint.architecture
    size = dict(
        image_size=image_size,
        patch_size=patch_size,
        channels=channels,
        num_registers=num_registers,
    )
    if window is not None:
        none = dict(class_token=False, distillation_token=False, num_registers=0)
        size |= dict(window=window, global_blocks=min(global_blocks, old.config.depth)) | none
    size = {name: value for name, value in size.items() if value is not None}
    new = dataclasses.replace(old, config=dataclasses.replace(old.config, **size))
    _check_stem(old.config, new.config)
    if channels not in (None, old.config.channels):
        scales = {name: _of_channels(getattr(old, name), channels) for name in ("mean", "std")}
        new = dataclasses.replace(new, **scales)
    new_head = num_classes is not None
    if new_head:
        new = dataclasses.replace(
            new,
            num_classes=num_classes,
            pre_logits=None,
            distillation_head=False,
            detector=False,
        )
    if new.detector and pool is not None:
        raise UserError(f"A detector does not pool its tokens: received pool={pool!r}.")
    best = "class_token" if new.config.class_token else "mean"
    kept = None if new_head and window is not None else new.pool
    new = dataclasses.replace(new, pool=pool or kept or best)
    model = new.build(
        class_names=class_names if new_head or class_names is not None else checkpoint.class_names,
        dropout=dropout,
        attention_dropout=attention_dropout,
        drop_path=drop_path,
        patch_dropout=patch_dropout,
    )
    _set_weights(model, checkpoint, new, resize, new_head=new_head)
    if new.num_classes:
        preprocessing = checkpoint.preprocessing.but(mean=new.mean, std=new.std)
        remember_preprocessing(model, preprocessing)
    return model


def _check_stem(old, new):
    """Raises a `ValueError` if the weights of a stem would have to be those of another shape."""
    shapes = [(config.patch_size, config.channels) for config in (old, new)]
    if old.stem != "linear" and shapes[0] != shapes[1]:
        raise UserError(
            f"Patches and channels change only with stem='linear': received stem={old.stem!r}, "
            f"patch_size={new.patch_size}, channels={new.channels}."
        )


def _set_weights(model, checkpoint, new, resize, *, new_head):
    """Sets each weight of a model once, except those of a new head and new registers."""
    old_config, config = checkpoint.architecture.config, new.config
    for weight in model.weights:
        path = weight.path
        if new_head and path.startswith(HEADS):
            continue
        if path == "embed/registers" and config.num_registers != old_config.num_registers:
            continue
        if path not in checkpoint.table:
            raise UserError(
                f"The checkpoint has nothing for {path}: pool={new.pool!r} has weights that it "
                "lacks."
            )
        entry = checkpoint.table[path]
        arrays = [checkpoint.arrays[name] for name in entry.names]
        try:
            array = entry.to_ours(*arrays)
        except Exception as error:  # NumPy raises many kinds
            shapes = " + ".join(f"{n} {a.shape}" for n, a in zip(entry.names, arrays, strict=True))
            raise UserError(f"{shapes} must make {path} {tuple(weight.shape)}: {error}.") from error
        if path.endswith("/positions"):
            prefix = array.shape[1] - old_config.grid[0] * old_config.grid[1]
            array = resize_positions(
                array, old_config.grid, config.grid, prefix=prefix, method=resize
            )
            if config.window is not None:
                array = array[:, prefix:]
            elif path != EMBEDDED and array.shape[::2] == tuple(weight.shape)[::2]:
                # Registers have rows in it. One of another shape is refused below, by name.
                array = _with_registers(array, weight, prefix, old_config.num_registers)
        if path == "embed/projection/kernel":
            array = resize_kernel(array, old_config.patch_size, config.patch_size, method=resize)
            array = fold_channels(array, old_config.channels, config.channels)
        if array.shape != tuple(weight.shape):
            raise UserError(
                f"{' + '.join(entry.names)} must make {path} {tuple(weight.shape)}: received "
                f"{array.shape}."
            )
        weight.assign(array)


def _with_registers(table, weight, prefix, old_count):
    """Keeps the rows of registers, if there are as many; otherwise they are new, as registers are.

    Args:
        table: Positions `(1, T, D)` of a checkpoint.
        weight: Those of the model `(1, T', D)`, as they were drawn.
        prefix: How many rows of the table precede those of patches; those of registers come last.
        old_count: How many of them are for registers.
    """
    first = prefix - old_count
    new_count = weight.shape[1] - (table.shape[1] - old_count)
    if new_count == old_count:
        return table
    drawn = keras.ops.convert_to_numpy(weight)[:, first : first + new_count]
    return np.concatenate([table[:, :first], drawn, table[:, prefix:]], axis=1)


def _of_channels(values, count):
    """Returns a mean or deviation for other channels, in the order of `fold_channels`."""
    values = np.ravel(values)
    if count == 1 or len(values) == 1:
        return float(values.mean())
    return tuple(
        map(float, values if len(values) == count else values[np.arange(count) % len(values)])
    )
