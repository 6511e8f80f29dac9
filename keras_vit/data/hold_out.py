"""Sets a part of the training pictures apart as the validation split."""

import dataclasses
import hashlib
import os

import numpy as np

from keras_vit.errors import UserError

DEFAULT_FRACTION = 0.1


def hold_out(source, fraction=None):
    """Sets a stable, stratified part of the training examples apart as the split `val`.

    Of each class the examples whose names have the smallest hashes are taken: the same ones each
    time, and a picture that is added or removed moves at most one other. Names are the last two
    parts of a path, so the folder may be moved; examples without names are known by their number.
    A class of one example stays in training, each other gives at least one. Where labels are not
    known without reading, the examples are taken from all alike.

    Args:
        source: A `keras_vit.data.Source` with the split `train`.
        fraction: Share of each class that is set apart, between 0 and 1; 0.1 by default.

    Returns:
        A `Source` with the splits `train` and `val`, and those that it had. The same one where it
        has `val`; and, with a note, where its training examples can only be read in one order or,
        if no fraction was passed, are too few.

    Raises:
        ValueError: If the fraction is out of its range, or was passed though there is a split
            `val`; or if it leaves one of the two splits without an example.
    """
    if fraction is not None and not 0 < fraction < 1:
        raise UserError(
            f"`val_fraction` must lie between 0 and 1: received val_fraction={fraction}."
        )
    if "val" in source.splits:
        if fraction is not None:
            raise UserError(
                "`val_fraction` is for sources without a validation split: received "
                f"val_fraction={fraction}, and {source.name} has one."
            )
        return source
    train = source.splits["train"]
    if train.subset is None:
        return _as_it_is(source, "it is read from one end to the other")
    chosen = _choose(train, DEFAULT_FRACTION if fraction is None else fraction)
    if not 0 < len(chosen) < train.count:
        if fraction is None:
            return _as_it_is(source, "its classes have one picture each")
        raise UserError(
            f"`val_fraction` must leave examples in both splits: it takes {len(chosen)} of "
            f"{train.count}."
        )
    rest = np.setdiff1d(np.arange(train.count), chosen)
    splits = {**source.splits, "train": train.subset(rest), "val": train.subset(chosen)}
    kinds = ", the same share of each class," if train.labels is not None else ""
    note = (
        f"There is no validation split: {len(chosen):,} of {train.count:,} training examples{kinds}"
        " serve as one."
    )
    return dataclasses.replace(source, splits=splits, notes=(*source.notes, note))


def _as_it_is(source, why):
    note = f"No part of the training split serves for validation, because {why}."
    return dataclasses.replace(source, notes=(*source.notes, note))


def take_share(source, share):
    """Leaves only a stable, stratified part of the training examples.

    A smaller share is part of each larger one.

    Args:
        source: A `keras_vit.data.Source` with the split `train`.
        share: Share of each class that stays, in `(0, 1]`; at least one example of each stays.

    Returns:
        A `Source`, with a note; the same one for the share 1.

    Raises:
        ValueError: If the share is out of its range, or the training examples can only be read in
            one order.
    """
    if not 0 < share <= 1:
        raise UserError(f"`train_share` must lie in (0, 1]: received train_share={share}.")
    if share == 1:
        return source
    train = source.splits["train"]
    if train.subset is None:
        raise UserError(
            f"`train_share` needs examples that can be read in any order: {source.name} is read "
            "from one end to the other."
        )
    members = _by_class(train)
    chosen = np.concatenate([each[: max(round(share * len(each)), 1)] for each in members])
    splits = {**source.splits, "train": train.subset(np.sort(chosen))}
    note = f"Only {len(chosen):,} of {train.count:,} training examples are used (`train_share`)."
    return dataclasses.replace(source, splits=splits, notes=(*source.notes, note))


def in_parts(split, count):
    """Divides a split into stable, stratified parts, each of which is left out once.

    Args:
        split: A split of a `keras_vit.data.Source`.
        count: How many parts, at least 2.

    Returns:
        A list of pairs of splits: the rest, and the part that is left out.

    Raises:
        ValueError: If there are fewer examples than parts, or they can only be read in one order.
    """
    if split.subset is None or not 2 <= count <= split.count:
        why = "" if split.subset else ", which are read from one end to the other"
        raise UserError(
            f"`folds` must lie between 2 and the {split.count:,} training examples{why}: received "
            f"folds={count}."
        )
    order = np.concatenate(_by_class(split))
    parts = [np.sort(order[start::count]) for start in range(count)]
    everything = np.arange(split.count)
    return [(split.subset(np.setdiff1d(everything, part)), split.subset(part)) for part in parts]


def _choose(split, fraction):
    """Returns the indices that are set apart, sorted `(N,)`."""
    chosen = []
    for members in _by_class(split):
        count = max(round(fraction * len(members)), 1)
        chosen.append(members[: min(count, len(members) - 1)])
    return np.sort(np.concatenate(chosen))


def _by_class(split):
    """Returns the indices of each class in the order of the hashes of their names."""
    places = np.array([_hash(split, index) for index in range(split.count)], "uint64")
    labels = np.zeros(split.count, int) if split.labels is None else split.labels
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [each[np.argsort(places[each], kind="stable")] for each in members]


def _hash(split, index):
    name = str(index)
    if split.named:
        name = "/".join(split.path(index).replace(os.sep, "/").split("/")[-2:])
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), "big")
