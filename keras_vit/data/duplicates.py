"""Equal pictures: in two splits, or in one under different labels."""

import itertools

import numpy as np


def number_pictures(facts):
    """Gives equal pictures equal numbers: from `{split: Facts}` to `{split: (M,)}`, as `good`."""
    digests = [split.digests[split.good] for split in facts.values()]
    _, numbers = np.unique(np.concatenate(digests), return_inverse=True)
    ends = np.cumsum([len(part) for part in digests])[:-1]
    return dict(zip(facts, np.split(numbers, ends), strict=True))


def find_duplicates(facts, numbers):
    """Lists the pictures of a later split that an earlier one holds, too."""
    twins = []
    for name, other in itertools.combinations(facts, 2):
        first = dict(
            zip(numbers[name][::-1].tolist(), facts[name].good[::-1].tolist(), strict=True)
        )
        for number, index in zip(numbers[other].tolist(), facts[other].good.tolist(), strict=True):
            if number in first:
                twins.append(
                    {
                        "split": name,
                        "path": facts[name].path(first[number]),
                        "other_split": other,
                        "other_path": facts[other].path(index),
                    }
                )
    return twins


def find_conflicts(facts, numbers):
    """Lists groups of equal pictures within a split whose labels differ, as indices."""
    conflicts = []
    for name, split in facts.items():
        order = np.argsort(numbers[name], kind="stable")
        starts = np.flatnonzero(np.diff(numbers[name][order], prepend=-1))
        indices = split.good[order]
        labels = split.labels[indices]
        if not len(labels):
            continue
        lowest, highest = (f.reduceat(labels, starts) for f in (np.minimum, np.maximum))
        ends = np.append(starts[1:], len(labels))
        for group in np.flatnonzero(lowest != highest):
            members = indices[starts[group] : ends[group]].tolist()
            conflicts.append((name, members))
    return conflicts
