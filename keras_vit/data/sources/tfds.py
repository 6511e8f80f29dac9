"""Sources from TensorFlow Datasets (TFDS), by the name of a set."""

import re

import numpy as np

from keras_vit.data.sources import tfds_records as records
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import split_name
from keras_vit.data.sources.tfds_features import Stored, choose_features
from keras_vit.data.splits import Split
from keras_vit.errors import UserError, first_few, reason_of

MEMORY_LIMIT = 2**30  # bytes
NEAR_MISS = re.compile(r"Did you mean: \S+ -> (\S+)")


class UnknownSetError(ValueError):
    """Raised where TFDS cannot open a set of some name."""


def from_tfds(
    name,
    *,
    data_dir=None,
    train="train",
    test=None,
    val=None,
    memory_limit=MEMORY_LIMIT,
    to_judge=False,
):
    """Opens a set of images of TFDS, and downloads and prepares it where it is missing.

    Its samples have an image and what is known of it: a `label`, if the set has a class for each
    image; a `mask`, if it has a segmentation mask of one channel; `boxes`, if it has a sequence
    `objects` of boxes and their classes.

    Images of one size that fit into memory, such as `cifar10` and `mnist`, are decoded there and
    become `Split`s. Other pictures stay encoded. A set stored as `array_record` is read in any
    order from disk, one in another format from memory if it fits (both are `EncodedSplit`s), else
    from one end to the other (a `SequentialSplit`). A set of pictures of several sizes that is
    prepared here is stored as `array_record`.

    Args:
        name: A name in the catalogue of TFDS, such as `cifar10` or `imagenet2012:5.1.0`.
        data_dir: Folder of prepared sets; by default that of `TFDS_DATA_DIR`, else TFDS' own.
        train: The training split in TFDS' syntax, such as `train[:98%]`.
        test: The test split in the same syntax; by default `test`, or, where the set has none or
            none with labels or boxes, its validation split.
        val: The validation split in the same syntax; by default the set's own, unless that is the
            test split or `test` was passed.
        memory_limit: Most bytes of all splits together that are held in memory.
        to_judge: As `open_source` takes it: a split that the set lacks is then left out.

    Returns:
        A `Source` with the splits `train`, `test` and perhaps `val`; its notes name the splits that
        are not used.
        Where a set to be judged has neither, all its splits by their own names.

    Raises:
        ValueError: If there is no such set or split, a split is empty, the set cannot be prepared,
            or nothing is known of its images.
    """
    stored = _open(name, data_dir)
    known = list(stored.builder.info.splits)  # empty where TFDS mocks a set
    notes = []
    if test is None:
        test, own, more_notes = _held_out(stored, known)
        val, notes = val or (None if own in _named(train) else own), notes + more_notes
    expressions = {"train": train, **({"val": val} if val else {}), "test": test}
    if to_judge and known:
        found = {key: x for key, x in expressions.items() if _named(x)[0] in known}
        expressions = found or dict(zip(known, known, strict=True))
    for expression in expressions.values():
        _check_split(stored, expression)
    shapes = [
        stored.features[stored.names[key]].shape for key in ("image", "mask") if key in stored.names
    ]
    counts = [records.count(stored, expression) for expression in expressions.values()]
    of_one_size = not any(None in shape for shape in shapes)
    if of_one_size and sum(counts) * sum(map(np.prod, shapes)) <= memory_limit:
        open_split = _decode_all
    elif records.is_random_access(stored):
        open_split = records.random_access
    elif sum(records.size(stored, split) for split in expressions.values()) <= memory_limit:
        open_split = records.in_memory
    else:
        open_split = records.sequential
    used = {name for expression in expressions.values() for name in _named(expression)}
    if unused := sorted(split for split in known if split not in used):
        notes.append(f"Splits that are not used: {len(unused):,} ({first_few(unused)}).")
    splits = {key: open_split(stored, split) for key, split in expressions.items()}
    version = ", ".join([stored.builder.info.full_name, *expressions.values()])
    return Source(name, stored.class_names, splits, tuple(notes), version=version)


def _named(expression):
    """Lists the splits that an expression in TFDS' syntax names."""
    return [part.partition("[")[0].strip() for part in expression.split("+")]


def _held_out(stored, known):
    """Returns the names of the splits for test and validation, and notes for the source.

    Competitions publish test splits without labels, ImageNet's for example.
    """
    names = {kind: sorted(n for n in known if split_name(n) == kind) for kind in ("test", "val")}
    first = {kind: kind if kind in few else few[0] for kind, few in names.items() if few}
    test, val = first.get("test"), first.get("val")
    if val and (test is None or not records.is_annotated(stored, test)):
        without = f"The split {test} has no labels" if test else "There is no test split"
        return val, None, [f"{without}: {val} serves as {'the test' if test else 'one'}."]
    return test or "test", val if val and records.is_annotated(stored, val) else None, []


def _open(name, data_dir):
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # TFDS and its catalogue raise errors of any kind
        raise UnknownSetError(_why_not(name, error)) from error
    names = choose_features(builder, name)
    _prepare(builder, name, varying=None in builder.info.features[names["image"]].shape)
    features = {each: builder.info.features[each] for each in names.values()}
    return Stored(builder, names, tfds.features.FeaturesDict(features))


def _prepare(builder, name, varying):
    try:
        if varying and not builder.data_path.exists():
            builder.download_and_prepare(file_format="array_record")
        builder.download_and_prepare()
    except Exception as error:  # so does the network
        if by_hand := builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
            place = builder.data_dir_root / "downloads" / "manual"
            raise UserError(
                f"The set {name!r} of TFDS must be downloaded by hand into {place}, or its "
                f"prepared folder passed as data folder: {' '.join(by_hand.split())}"
            ) from error
        raise UserError(_why_not(name, error)) from error


def _why_not(name, error):
    reason = reason_of(error)
    if near := NEAR_MISS.search(str(error)):  # at the end of a list of all sets
        reason += f" Did you mean {near[1]}?"
    return f"TFDS cannot open the set {name!r}: {reason}"


def _check_split(stored, expression):
    splits = stored.builder.info.splits
    if not splits:  # where TFDS mocks a set
        return
    try:
        count = splits[expression].num_examples
    except Exception as error:  # KeyError, ValueError, AssertionError
        raise UserError(
            f"There is no split {expression!r}: {stored.builder.name} of TFDS has "
            f"{', '.join(splits)}."
        ) from error
    if not count:
        raise UserError(f"The split {expression!r} of {stored.builder.name} holds no example.")


def _decode_all(stored, split):
    batches = list(records.decoded(stored, split).batch(1024).as_numpy_iterator())
    arrays = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    return Split.in_memory(arrays.pop("image"), arrays.pop("label", None), **arrays)
