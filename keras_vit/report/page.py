"""Writes a report as one HTML file, which needs no other file and no network."""

import time

from keras_vit.evaluation.intervals import intervals
from keras_vit.evaluation.report import answer_cells, time_cells
from keras_vit.report import classes, plots
from keras_vit.report.embedded import picture, plot
from keras_vit.report.machine import machine
from keras_vit.report.mistakes import mistake
from keras_vit.report.places import without_places
from keras_vit.report.render import write_html

SHOWN = 32  # training pictures
SIDE = 112  # pixels of a training picture


def write_page(path, report):
    """Writes `report.html`, whole or not at all.

    Names of classes and files are escaped; absolute paths, the host and the user are left out.

    Args:
        path: The file.
        report: A `keras_vit.report.Report`.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    write_html(path, "page.html", _content(report))


def _content(report):
    """Returns what the template shows, by the names that it uses."""
    result, task = report.result, report.task
    name, value = result.headline
    found = intervals(result)
    return dict(
        model=without_places(report.model),
        data=without_places(report.data),
        split=report.split,
        count=result.count,
        headline=_words(name),
        value=task.text(name, value),
        interval=_interval(task, name, found.get(name)),
        figures=[
            (_words(name), task.text(name, value), _interval(task, name, found.get(name)))
            for name, value in result.figures.items()
        ],
        methods=sorted({each.method for each in found.values()}),
        notes=report.notes,
        baselines=_baselines(task, name, report.baselines),
        curves=_curves(report.curves),
        pictures=report.pictures,
        counts=classes.counts(report.per_class, task.shown_names),
        sheet=_sheet(report.sheet),
        confusion=classes.confusion(result.confusion, task.shown_names),
        per_class=classes.table(task, result.per_class),
        calibration=_calibration(result),
        plots=[
            (_words(name), plot(draw()))
            for name, draw in result.plots.items()
            if name != "confusion" and name not in result.per_class  # the page has it as a table
        ],
        mistakes=[mistake(task, example, report.path_of) for example in report.worst],
        judged=name in result.hits,
        exports=_exports(task, report.comparisons),
        compared_on=report.compared_on,
        settings=_settings(report.settings, report.defaults),
        commands=[(what, without_places(command)) for what, command in report.commands],
        machine=machine(report.device),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )


def _words(name):
    return name.replace("_", " ")


def _interval(task, name, found):
    return found and f"{task.text(name, found.low)} to {task.text(name, found.high)}"


def _baselines(task, name, baselines):
    """Returns names of splits, and rows: a name and a headline on each of them."""
    splits = list(dict.fromkeys(split for figures in baselines.values() for split in figures))
    rows = [
        (what, [task.text(name, figures[split]) if split in figures else "" for split in splits])
        for what, figures in baselines.items()
    ]
    return dict(splits=splits, rows=rows) if rows else None


def _curves(curves):
    """Lists pairs of an embedded plot and a description of it."""
    if curves is None or not curves.values:
        return []
    names = dict.fromkeys(name.removeprefix("val_") for name in curves.values)
    drawn = []
    for name in names:
        both = {
            where: curves.values[key]
            for key, where in ((name, "training"), (f"val_{name}", curves.validated_on))
            if key in curves.values
        }
        if not any(any(numbers) for _, numbers in both.values()):
            continue  # zeros, such as pictures that could not be read
        parts = (
            f"{where} from {numbers[0]:.4g} in epoch {epochs[0]} to {numbers[-1]:.4g} in epoch "
            f"{epochs[-1]}"
            for where, (epochs, numbers) in both.items()
            if len(numbers)
        )
        told = f"{_words(name)}: {', '.join(parts)}"
        drawn.append((plot(plots.curve_figure(curves, name)), told))
    if len(curves.learning_rate):
        told = f"Learning rate over the epochs, at most {max(curves.learning_rate):.4g}"
        drawn.append((plot(plots.learning_rate_figure(curves)), told))
    return drawn


def _sheet(sheet):
    if sheet is None:
        return []
    pairs = list(zip(sheet.images, sheet.titles, strict=True))[:SHOWN]
    return [(picture(image, longest=SIDE), title) for image, title in pairs]


def _calibration(result):
    if result.confidence is None or result.headline[0] not in result.hits:
        return None
    bins = plots.Bins.of(result.confidence, result.hits[result.headline[0]])
    return dict(
        error=f"{bins.error:.4f}",
        mean=f"{result.confidence.mean():.2%}",
        plot=plot(plots.reliability_figure(bins)),
    )


def _exports(task, comparisons):
    """Returns headings and rows of what each export costs."""
    if not comparisons:
        return None
    first = comparisons[0]
    headings = ["export", *answer_cells(task, first), *first.milliseconds, "runtime"]
    rows = [
        [
            without_places(row.artefact),
            *answer_cells(task, row).values(),
            *time_cells(row, first),
            row.runtime,
        ]
        for row in comparisons
    ]
    return dict(headings=headings, rows=rows)


def _settings(settings, defaults):
    """Returns rows of settings: name, value, and the default where it is another one."""
    rows = [
        (name, without_places(value), without_places(defaults[name]))
        if name in defaults and defaults[name] != value
        else (name, without_places(value), None)
        for name, value in settings.items()
    ]
    return sorted(rows, key=lambda row: row[2] is None)
