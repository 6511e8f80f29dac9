"""Finds equal pictures in two splits, or in one split under different labels."""

import itertools

import numpy as np


def number_pictures(scans):
    """Numbers the pictures of all splits so that equal pictures have equal numbers.

    Args:
        scans: The `keras_vit.data.scan.Scan` of each split, by the name of the split.

    Returns:
        A dictionary from each split's name to its numbers `(M,)`, int64, in the order of
        `Scan.good`.
    """
    digests = [scan.digests[scan.good] for scan in scans.values()]
    _, numbers = np.unique(np.concatenate(digests), return_inverse=True)
    ends = np.cumsum([len(part) for part in digests])[:-1]
    return dict(zip(scans, np.split(numbers, ends), strict=True))


def find_duplicates(scans, numbers):
    """Lists the pictures of each split that an earlier split holds too.

    Args:
        scans: The `keras_vit.data.scan.Scan` of each split, by the name of the split.
        numbers: What `number_pictures` returned.

    Returns:
        A list of dictionaries: `split` and `path` of a picture in the earlier split, and
        `other_split` and `other_path` of its copy in the later one.
    """
    duplicates = []
    for name, other in itertools.combinations(scans, 2):
        first = dict(
            zip(numbers[name][::-1].tolist(), scans[name].good[::-1].tolist(), strict=True)
        )
        for number, index in zip(numbers[other].tolist(), scans[other].good.tolist(), strict=True):
            if number in first:
                duplicates.append(
                    {
                        "split": name,
                        "path": scans[name].path(first[number]),
                        "other_split": other,
                        "other_path": scans[other].path(index),
                    }
                )
    return duplicates


def find_conflicts(scans, numbers):
    """Lists groups of equal pictures of one split that have different labels.

    Args:
        scans: The `keras_vit.data.scan.Scan` of each split, by the name of the split.
        numbers: What `number_pictures` returned.

    Returns:
        A list of pairs, one for each group: the name of the split, and the list of the indices of
        the examples.
    """
    conflicts = []
    for name, scan in scans.items():
        order = np.argsort(numbers[name], kind="stable")
        starts = np.flatnonzero(np.diff(numbers[name][order], prepend=-1))
        indices = scan.good[order]
        labels = scan.labels[indices]
        if not len(labels):
            continue
        lowest, highest = (f.reduceat(labels, starts) for f in (np.minimum, np.maximum))
        ends = np.append(starts[1:], len(labels))
        for group in np.flatnonzero(lowest != highest):
            members = indices[starts[group] : ends[group]].tolist()
            conflicts.append((name, members))
    return conflicts
