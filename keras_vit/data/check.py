"""What is wrong with a source: broken pictures, equal ones in two splits, labels that disagree."""

import dataclasses

import numpy as np

from keras_vit.data.duplicates import find_conflicts, find_duplicates, number_pictures
from keras_vit.data.scan import scan_split

TINY = 16  # pixels; a picture with a side below this is worth a look


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check_source` found; `dataclasses.asdict` makes it JSON.

    Attributes:
        source: The source in a sentence.
        notes: What opening it found and did not use.
        faults: What must be repaired before anything is trained.
        splits: From names to counts, sizes and classes.
        broken: Pictures that cannot be read: `split`, `path`, `reason`.
        duplicates: Equal pictures in two splits: `split`, `path`, `other_split`, `other_path`.
        conflicts: Equal pictures of a split with different labels: `split`, `paths`, `classes`.
        strange_labels: Examples whose label is no class: `split`, `path`, `label`.
        absent: Classes that the split `train` lacks.
    """

    source: str
    notes: list
    faults: list
    splits: dict
    broken: list
    duplicates: list
    conflicts: list
    strange_labels: list
    absent: list

    @property
    def is_good(self):
        """Whether nothing is wrong."""
        pictures = self.broken, self.duplicates, self.conflicts, self.strange_labels
        return not any((*pictures, self.faults, self.absent))


def check_source(source, advance=lambda count: None):
    """Reads every picture of a source once and says what is wrong.

    Equal means equal pixels: a copy under another name, or in another lossless format, is found.

    Args:
        source: A `Source`.
        advance: Called with how many examples were read since the last call.

    Returns:
        A `Report`.
    """
    facts = {name: scan_split(split, advance) for name, split in source.splits.items()}
    numbers = number_pictures(facts)
    splits = {
        name: _describe(split, numbers[name], source.class_names) for name, split in facts.items()
    }
    return Report(
        source=str(source),
        notes=list(source.notes),
        faults=list(source.faults),
        splits=splits,
        broken=[
            {"split": name, "path": split.path(index), "reason": reason}
            for name, split in facts.items()
            for index, reason in sorted(split.broken.items())
        ],
        duplicates=find_duplicates(facts, numbers),
        conflicts=[
            {
                "split": name,
                "paths": [facts[name].path(index) for index in indices],
                "classes": [source.class_name(facts[name].labels[index]) for index in indices],
            }
            for name, indices in find_conflicts(facts, numbers)
        ],
        strange_labels=[
            {"split": name, "path": split.path(index), "label": int(split.labels[index])}
            for name, split in facts.items()
            for index in split.good.tolist()
            if not 0 <= split.labels[index] < len(source.class_names)
        ],
        absent=splits["train"]["missing"] if "train" in splits else [],
    )


def _describe(facts, numbers, names):
    """Counts a split's pictures, sizes and classes; of the broken ones nothing but their number."""
    labels, sizes = facts.labels[facts.good], facts.sizes[facts.good]
    counts = np.bincount(labels[(labels >= 0) & (labels < len(names))], minlength=len(names))
    tiny = facts.good[sizes.min(axis=1, initial=TINY) < TINY]
    return {
        "pictures": len(facts.labels),
        "broken": len(facts.broken),
        "copies": len(numbers) - len(np.unique(numbers)),
        "height": _summary(sizes[:, 0]),
        "width": _summary(sizes[:, 1]),
        "sizes": len(np.unique(sizes, axis=0)),
        "tiny": len(tiny),
        "first_tiny": facts.path(int(tiny[0])) if len(tiny) else None,
        "per_class": _summary(counts),
        "imbalance": float(counts.max() / counts.min()) if counts.min() else None,
        "missing": [names[label] for label in np.flatnonzero(counts == 0)],
    }


def _summary(values):
    if not len(values):
        return None
    return {
        "min": int(np.min(values)),
        "median": float(np.median(values)),
        "max": int(np.max(values)),
    }
