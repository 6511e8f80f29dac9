"""Checks a source for broken pictures, pictures in two splits, and labels that disagree."""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_vit.data.augment import VOID
from keras_vit.data.duplicates import find_conflicts, find_duplicates, number_pictures
from keras_vit.data.fit import wrong_ids
from keras_vit.data.ignored_boxes import class_of, is_ignored
from keras_vit.data.scan import scan_split

TINY = 16  # pixels; a picture with a side below this is worth a look


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check_source` found; `dataclasses.asdict` turns it into a dictionary for JSON.

    The entries of `broken`, `bad_masks`, `bad_boxes`, `duplicates`, `conflicts` and
    `strange_labels` are dictionaries with the keys that are listed.

    Attributes:
        source: A sentence that describes the source.
        notes: `Source.notes`: sentences on what was found and is not used.
        faults: `Source.faults`: sentences on what must be repaired before anything is trained.
        splits: Counts, sizes in pixels, classes and classes of masks, a dictionary for each split,
            by its name. Its `per_class` counts what the names belong to: pictures, boxes, or
            pictures whose masks hold the class.
        broken: Pictures that cannot be read: `split`, `path`, `reason`.
        bad_masks: Masks that cannot be read, differ in size from their picture, or hold ids that
            have no name where others have: `split`, `path`, `reason`.
        bad_boxes: Pictures with boxes that reach outside, have no area, or belong to no class, or
            whose annotation states another size, in the same form.
        duplicates: Equal pictures in two splits: `split`, `path`, `other_split`, `other_path`.
        conflicts: Equal pictures of a split with different labels: `split`, `paths`, `classes`.
        strange_labels: Examples whose label belongs to no class: `split`, `path`, `label`.
        absent: Names of the classes of which the split `train` has no example that can be read.
    """

    source: str
    notes: list
    faults: list
    splits: dict
    broken: list
    bad_masks: list
    bad_boxes: list
    duplicates: list
    conflicts: list
    strange_labels: list
    absent: list

    @property
    def is_good(self):
        """Whether the check found nothing that must be repaired."""
        pictures = self.broken, self.duplicates, self.conflicts, self.strange_labels
        annotations = self.bad_masks, self.bad_boxes
        return not any((*pictures, *annotations, self.faults, self.absent))


def check_source(source, advance: Callable[[int], None] = lambda count: None):
    """Reads every picture of a source once and reports what is wrong.

    Pictures are equal if their pixels are equal, so a copy under another name or in another
    lossless format is found.

    Args:
        source: A `keras_vit.data.Source`.
        advance: Is called with the number of examples that were read since the last call.

    Returns:
        A `Report`.
    """
    scans = {name: scan_split(split, advance) for name, split in source.splits.items()}
    for name, scan in scans.items():
        _compare_sizes(scan, source.splits[name].stated_sizes)
        _find_strange_ids(scan, len(source.class_names))
    numbers = number_pictures(scans)
    splits = {
        name: _describe(scan, numbers[name], source.class_names) for name, scan in scans.items()
    }
    return Report(
        source=str(source),
        notes=list(source.notes),
        faults=list(source.faults),
        splits=splits,
        broken=_listed(scans, "broken"),
        bad_masks=_listed(scans, "bad_masks"),
        bad_boxes=_listed(scans, "bad_boxes"),
        duplicates=find_duplicates(scans, numbers),
        conflicts=[
            {
                "split": name,
                "paths": [scans[name].path(index) for index in indices],
                "classes": [source.class_name(scans[name].labels[index]) for index in indices],
            }
            for name, indices in find_conflicts(scans, numbers)
        ],
        strange_labels=[
            {"split": name, "path": scan.path(index), "label": int(scan.labels[index])}
            for name, scan in scans.items()
            for index in (scan.good.tolist() if scan.key == "label" else ())
            if source.class_names and not 0 <= scan.labels[index] < len(source.class_names)
        ],
        absent=splits["train"]["missing"] if "train" in splits else [],
    )


def _compare_sizes(scan, stated):
    """Adds to the sentences on boxes which pictures have another size than is stated."""
    if stated is None:
        return
    differ = (stated[scan.good] != scan.sizes[scan.good]) & (stated[scan.good] > 0)
    for index in scan.good[differ.any(axis=1)].tolist():
        here, there = ("{1:.0f}x{0:.0f}".format(*sizes[index]) for sizes in (scan.sizes, stated))
        wrong = f"The picture has {here} pixels, its annotation says {there}."
        _add(scan.bad_boxes, index, wrong)


def _find_strange_ids(scan, count):
    """Adds to the sentences on masks and boxes which of their ids have no name."""
    if not count or scan.key not in scan.ids:
        return
    found = {"mask": scan.bad_masks, "box_labels": scan.bad_boxes}[scan.key]
    void = VOID if scan.key == "mask" else None
    for index, ids in scan.ids[scan.key].items():
        if wrong := wrong_ids(ids if scan.key == "mask" else class_of(ids), count, void):
            _add(found, index, wrong)


def _add(found, index, sentence):
    """Adds a sentence to those on an example."""
    found[index] = " ".join(filter(None, (found.get(index), sentence)))


def _listed(scans, kind):
    """Lists the sentences of one kind, by split and path."""
    return [
        {"split": name, "path": scan.path(index), "reason": reason}
        for name, scan in scans.items()
        for index, reason in sorted(getattr(scan, kind).items())
    ]


def _describe(scan, numbers, names):
    """Counts the pictures, sizes and classes of a split; broken pictures are only counted."""
    sizes, named = scan.sizes[scan.good], scan.ids.get(scan.key)
    labels = scan.labels[scan.good] if named is None else _joined(named)
    counts = np.bincount(labels[(labels >= 0) & (labels < len(names))], minlength=len(names))
    labels_of_boxes = _joined(scan.ids["box_labels"])
    tiny = scan.good[sizes.min(axis=1, initial=TINY) < TINY]
    return {
        "pictures": len(scan.labels),
        "broken": len(scan.broken),
        "copies": len(numbers) - len(np.unique(numbers)),
        "height": _summary(sizes[:, 0]),
        "width": _summary(sizes[:, 1]),
        "sizes": len(np.unique(sizes, axis=0)),
        "tiny": len(tiny),
        "first_tiny": scan.path(int(tiny[0])) if len(tiny) else None,
        "per_class": _summary(counts),
        "mask_classes": np.unique(_joined(scan.ids["mask"])).tolist(),
        "boxes": len(labels_of_boxes) if scan.ids["box_labels"] else None,
        "ignored_boxes": int(is_ignored(labels_of_boxes).sum()),
        "imbalance": float(counts.max() / counts.min()) if names and counts.all() else None,
        "missing": [names[label] for label in np.flatnonzero(counts == 0)],
    }


def _joined(ids):
    return np.concatenate([np.zeros(0, "int64"), *ids.values()])


def _summary(values):
    if not len(values):
        return None
    return {
        "min": int(np.min(values)),
        "median": float(np.median(values)),
        "max": int(np.max(values)),
    }
