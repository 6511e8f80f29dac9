"""Writes comparisons of exports as a table in a terminal, as Markdown and as JSON."""

import dataclasses
import math
import re

from keras_vit.files import atomic_write, write_json

FORCED = "beyond its limit, kept"
ROOM = 16  # letters of a path on a line of a table, which then fits into 80 columns


def comparison_table(task, comparisons):
    """Lays comparisons out for `rich`: tables of answers, of further figures and of times.

    Args:
        task: The `keras_vit.tasks.Task`.
        comparisons: `keras_vit.evaluation.Comparison`s. The first is that of the exported model:
            each time of the others is followed by how many times faster it is than the first.

    Returns:
        A `rich.console.Group`.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text  # shows markup in a path as it is

    first, tables = comparisons[0], []
    for cells in (
        lambda row: answer_cells(task, row),
        lambda row: _others(task, row),
        lambda row: dict(zip(first.milliseconds, time_cells(row, first), strict=True)),
    ):
        if not cells(first):
            continue
        table = Table()
        table.add_column("export", overflow="fold")
        for heading in cells(first):
            parts = (", ", ",\n"), ("largest ", "largest\n"), ("same ", "same\n")
            for part in parts:
                heading = heading.replace(*part)
            table.add_column(heading, justify="right")
        for row in comparisons:
            name = _folded(row.artefact) + f"\n{FORCED}" * row.is_forced
            table.add_row(Text(name), *(x.replace(", ", ",\n") for x in cells(row).values()))
        tables.append(table)
    return Group(*tables)


def _folded(path):
    """Breaks a path between its folders into lines that fit into a table."""
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+$", str(path)):
        if lines[-1] and len(lines[-1] + part) > ROOM:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def write_report(path, task, comparisons, rejected, **compared_on):
    """Writes comparisons as a JSON file and a Markdown file beside it, each whole or not at all.

    Args:
        path: A `pathlib.Path` that ends in `.json`.
        task: The `keras_vit.tasks.Task`.
        comparisons: `Comparison`s, that of the exported model first.
        rejected: A sentence on why each rejected format is beyond its limit, by its name.
        **compared_on: What the exports were compared on, for example `data`, `images` and `seed`.
    """
    report = {
        "judged": compared_on,
        "artefacts": [dataclasses.asdict(row) for row in comparisons],
        "rejected": rejected,
    }
    write_json(path, report)
    with atomic_write(path.with_suffix(".md")) as unfinished:
        unfinished.write_text(_markdown(task, comparisons, rejected, compared_on), "utf-8")


def _markdown(task, comparisons, rejected, compared_on):
    first = comparisons[0]
    answers = answer_cells(task, first) | _others(task, first)
    headings = ["export", *answers, *first.milliseconds, "runtime", "operators"]
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    for row in comparisons:
        operators = ", ".join(f"{count} {name}" for name, count in row.operators.items())
        name = f"`{row.artefact}`" + f", {FORCED}" * row.is_forced
        cells = [name, *answer_cells(task, row).values()]
        cells += _others(task, row).values()
        cells += [*time_cells(row, first), row.runtime, operators]
        lines.append("| " + " | ".join(cells) + " |")
    reasons = [f"\n`{row.artefact}` is kept: {row.remark}" for row in comparisons if row.remark]
    reasons += [f"\n{name} was rejected: {why}" for name, why in rejected.items()]
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in compared_on.items())
    return "\n".join([*lines, *reasons, f"\nJudged on: {facts}."]) + "\n"


def answer_cells(task, row):
    """Writes what a file answers and what that costs.

    Args:
        task: The `keras_vit.tasks.Task`.
        row: A `Comparison`.

    Returns:
        A dictionary of texts by heading: size, headline, its change, share of the same decisions
        and largest difference.
    """
    headline, value = next(iter(row.figures.items()))
    unit = " points" if headline in task.shares else " %"
    cells = {
        "size": f"{row.size / 1e6:.2f} MB",
        headline: task.text(headline, value),
        f"change,{unit}": f"{100 * row.change:+.2f}",
    }
    if row.agreement is not None:
        cells["same decisions"] = f"{row.agreement:.2%}"
    cells["largest difference"] = f"{row.difference:.1e}"
    return _spaced(cells)


def _others(task, row):
    """Returns the cells on the figures beside the headline, by heading."""
    names = list(row.figures)[1:]
    return _spaced({name: _known(task, name, row.figures[name]) for name in names})


def _known(task, name, value):
    """Writes a figure; a number that is not known, such as the IoU of no pixel, as nothing."""
    return "" if math.isnan(value) else task.text(name, value)


def _spaced(cells):
    return {name.replace("_", " "): cell for name, cell in cells.items()}


def time_cells(row, first):
    """Writes the times of a file, and how many times faster than the first they are.

    Args:
        row: A `Comparison`.
        first: That of the exported model.

    Returns:
        A list of texts in the order of `first.milliseconds`.
    """
    return [
        f"{time:.2f} ms, {first.milliseconds[setting] / time:.2f}x"
        for setting, time in row.milliseconds.items()
    ]
