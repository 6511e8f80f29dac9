"""`keras-vit check-data`: lists what is wrong with a source before training."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import cyclopts

from keras_vit.cli.open_source import open_quietly

LIMIT = 20  # lines of each list in the text; --json prints all


def check_data(
    source: str,
    /,
    *,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
    json_object: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
):
    """Read every picture of a source once and list what is wrong.

    Exit status 0: nothing is wrong. 1: there are broken pictures, masks or boxes that do not
    fit, equal pictures in two splits or with different labels, labels that are no class, classes
    without a training picture, or rows and folders that cannot be used. 2: the source cannot be
    opened.

    Args:
        source: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split where a folder or table has none; 0.1 by default.
        json_object: Print one JSON object instead of a text.
    """
    opened = open_quietly(
        source,
        to=sys.stderr if json_object else sys.stdout,
        data_dir=data_dir,
        test_fraction=test_fraction,
        strict=False,
    )
    from keras_vit.data.check import check_source

    with _progress() as progress:
        bar = progress.add_task("reading", total=sum(s.count for s in opened.splits.values()))
        report = check_source(opened, lambda count: progress.advance(bar, count))
    if json_object:
        report_json = {"ok": report.is_good, **dataclasses.asdict(report)}
        print(json.dumps(report_json, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(_lines(report)))
    return 0 if report.is_good else 1


def _progress():
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _lines(report):
    """Yields the report as text, line by line."""
    for name, split in report.splits.items():
        yield f"{name}: " + "; ".join(_describe(split))
    yield from _listing("to be repaired first", report.faults)
    yield from _listing("broken pictures", [f"{x['path']}: {x['reason']}" for x in report.broken])
    yield from _listing(
        "masks that do not fit", [f"{x['path']}: {x['reason']}" for x in report.bad_masks]
    )
    yield from _listing(
        "boxes that do not fit", [f"{x['path']}: {x['reason']}" for x in report.bad_boxes]
    )
    yield from _listing(
        "pictures in two splits",
        [
            f"{x['split']} {x['path']} = {x['other_split']} {x['other_path']}"
            for x in report.duplicates
        ],
    )
    yield from _listing(
        "equal pictures with different labels",
        [
            ", ".join(f"{p} ({c})" for p, c in zip(x["paths"], x["classes"], strict=True))
            for x in report.conflicts
        ],
    )
    yield from _listing(
        "labels that are no class", [f"{x['path']}: {x['label']}" for x in report.strange_labels]
    )
    yield from _listing("classes without a training picture", report.absent)
    if report.is_good:
        yield "Nothing is wrong."


def _describe(split):
    """Yields phrases on one split."""
    yield f"{split['pictures']:,} pictures, {split['broken']:,} broken"
    if split["height"]:
        yield f"height {_range(split['height'])}, width {_range(split['width'])}"
        yield f"sizes: {split['sizes']:,}"
    if 0 < split["tiny"] < split["pictures"]:
        yield f"{split['tiny']:,} tiny, such as {split['first_tiny']}"
    if split["copies"]:
        yield f"{split['copies']:,} copies of others"
    if split["boxes"] is not None:
        some = f", {split['ignored_boxes']:,} of them ignored" if split["ignored_boxes"] else ""
        yield f"{split['boxes']:,} boxes{some}"
    if split["per_class"]:
        balance = f", imbalance {split['imbalance']:.4g}" if split["imbalance"] else ""
        yield f"per class {_range(split['per_class'])}{balance}"
    if numbers := split["mask_classes"]:
        yield f"masks hold {len(numbers):,} classes, {numbers[0]} to {numbers[-1]}"
    if split["missing"]:
        yield f"classes missing: {len(split['missing']):,}"


def _range(figures):
    if figures["min"] == figures["max"]:
        return f"{figures['min']:,}"
    return f"{figures['min']:,} to {figures['max']:,} (median {figures['median']:,.10g})"


def _listing(title, lines):
    if lines:
        yield f"{title}: {len(lines):,}"
        yield from (f"  {line}" for line in lines[:LIMIT])
        if len(lines) > LIMIT:
            yield f"  ... and {len(lines) - LIMIT:,} more; --json lists all"
