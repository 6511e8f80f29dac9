"""Tables of classes, which stay short where there are a thousand."""

import numpy as np

ROWS = 40  # of a table; where there are more classes, the worst or smallest are shown
MATRIX = 20  # classes, up to which every pair is shown
COUNTS = 100_000  # more, such as pixels, are shown as shares of their row
PAIRS = 12  # most frequent confusions


def counts(per_class, names):
    """Makes a table of how many pictures each class has.

    Args:
        per_class: Numbers `(K,)` by name of the split.
        names: Names of the `K` classes.

    Returns:
        A dictionary, or `None` without counts: `splits`, their names; `rows`, pairs of the name of
        a class and its counts; `total`, how many classes there are; `told`, the range of the first
        split's counts.
    """
    if not per_class or not names:
        return None
    first = next(iter(per_class.values()))
    order = range(len(names)) if len(names) <= ROWS else np.argsort(first, kind="stable")[:ROWS]
    return dict(
        splits=list(per_class),
        rows=[(names[i], [f"{column[i]:,}" for column in per_class.values()]) for i in order],
        total=len(names),
        told=f"{first.min():,} to {first.max():,}, median {int(np.median(first)):,}",
    )


def table(task, per_class):
    """Makes a table of the figures of each class, the worst first.

    Args:
        task: The `keras_vit.tasks.Task`.
        per_class: Numbers `(K,)` by name, the one to sort by first.

    Returns:
        A dictionary, or `None` without classes: `headings`; `rows`, pairs of the name of a class
        and its cells; `total`, how many classes occur; `first`, the heading that is sorted by.
    """
    if not per_class:
        return None
    first, values = next(iter(per_class.items()))
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    names = task.shown_names or tuple(map(str, range(len(values))))
    rows = [
        (names[i], [_cell(task, name, column[i]) for name, column in per_class.items()])
        for i in order[:ROWS]
    ]
    return dict(headings=list(per_class), rows=rows, total=len(known), first=first)


def confusion(pairs, names):
    """Makes a confusion matrix of few classes, and a list of the most frequent confusions.

    Args:
        pairs: Integers `(M, 3)`: a true and a decided class, and how often; or `None`.
        names: Names of the classes; by default their numbers.

    Returns:
        A dictionary, or `None` without pairs: `names` and `rows` of the matrix, a name and cells
        `(text, share of the row)`, both empty where there are more than `MATRIX` classes; `pairs`,
        rows of true name, decided name, count and share of the true class; `shares`, whether the
        texts are shares.
    """
    if pairs is None or not len(pairs):
        return None
    size = max(len(names), int(pairs[:, :2].max()) + 1)
    names = [*names, *map(str, range(len(names), size))]
    totals = np.zeros(size)
    np.add.at(totals, pairs[:, 0], pairs[:, 2])
    shares = bool(pairs[:, 2].sum() >= COUNTS)
    matrix = []
    if size <= MATRIX:
        counted = np.zeros((size, size), np.int64)
        counted[pairs[:, 0], pairs[:, 1]] = pairs[:, 2]
        of_row = counted / np.maximum(totals, 1)[:, None]
        for name, row, part in zip(names, counted, of_row, strict=True):
            cells = [
                f"{share:.1%}" if shares else f"{count:,}"
                for count, share in zip(row, part, strict=True)
            ]
            matrix.append((name, list(zip(cells, part.round(3).tolist(), row > 0, strict=True))))
    wrong = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs[:, 2] > 1)]  # once says nothing
    most = wrong[np.argsort(-wrong[:, 2], kind="stable")][:PAIRS]
    return dict(
        names=names if matrix else [],
        rows=matrix,
        shares=shares,
        pairs=[
            (names[true], names[decided], f"{count:,}", f"{count / totals[true]:.1%}")
            for true, decided, count in most
        ],
    )


def _cell(task, name, value):
    if isinstance(value, np.integer):
        return f"{value:,}"
    return "" if np.isnan(value) else task.text(name, value)
