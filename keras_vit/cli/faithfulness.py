"""How far ways to explain can be trusted: the table of `keras-vit explain --faithfulness`."""

import numpy as np

from keras_vit.cli.examples import drawn_examples, to_look_at
from keras_vit.cli.open_model import open_exportable
from keras_vit.cli.open_source import open_quietly
from keras_vit.errors import UserError
from keras_vit.evaluation.intervals import bootstrap
from keras_vit.files import atomic_write, write_json
from keras_vit.progress import progress

PER_CALL = 16  # images that are explained at once
LEAST = 4  # pictures, which make a mosaic


def measure(model, names, *, data, limit, out, data_dir):
    """Measures methods on pictures of a source, and prints the table.

    Args:
        model: A path, as `keras-vit explain` takes it.
        names: Names of methods; the first one is compared with the others.
        data: The source.
        limit: How many pictures are looked at, at most.
        out: A folder for faithfulness.json and faithfulness.png, or `None`.
        data_dir: Folder of prepared TFDS sets.

    Returns:
        The status of the command.

    Raises:
        ValueError: If the model or the source cannot be opened, the model is no classifier, or
            fewer than four pictures can be read.
    """
    from keras_vit.interpret.controls import CONTROLS
    from keras_vit.interpret.faithfulness import check_measurable, faithfulness
    from keras_vit.interpret.methods import METHODS
    from keras_vit.run.settings import wrapped

    source = open_quietly(data, data_dir=data_dir, to_judge=True)
    opened = open_exportable(model)
    check_measurable(opened)
    images = _images(opened, source, limit)
    ways = {name: _in_a_graph(METHODS[name]) for name in names}
    ways |= {name: _ignoring_the_model(control) for name, control in CONTROLS.items()}
    groups = _groups(images)
    values = {}
    for name, way in ways.items():
        measured = faithfulness(opened, way)
        parts = [measured(images) for images in progress(groups, name, len(groups))]
        values[name] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    table = {name: _with_intervals(found) for name, found in values.items()}
    words = f"{len(images):,} pictures of {source.name}, percent; ± half of the 95 % interval"
    _print(table, words)
    sentences = [
        *_no_better_than_random(values, names),
        *_first_against_others(values, names),
        *_sums(opened, names, groups),
    ]
    for sentence in sentences:
        print(wrapped(sentence))
    if out is not None:
        _write(out, str(model), words, table, sentences, values)
    return 0


def _write(out, model, words, table, sentences, values):
    """Writes what was measured into a folder: as numbers, as a plot and as a page."""
    from keras_vit.interpret.faithfulness_plot import faithfulness_figure
    from keras_vit.interpret.methods import ABOUT
    from keras_vit.report import write_explanations

    out.mkdir(parents=True, exist_ok=True)
    each = {
        name: {key: value.round(6).tolist() for key, value in found.items()}
        for name, found in values.items()
    }
    found = {"model": model, "about": words, "methods": table, "sentences": sentences}
    write_json(out / "faithfulness.json", {**found, "values": each})
    figure = faithfulness_figure(table)
    with atomic_write(out / "faithfulness.png") as unfinished:
        figure.savefig(unfinished, dpi=100)
    rows = [(name, [_cell(cell) for cell in row.values()]) for name, row in table.items()]
    trust = dict(words=f"{words}.", figure=figure, sentences=sentences, rows=rows)
    headings = ["method", *map(_heading, table["random"])]
    about = {name: ABOUT[name] for name in table if name in ABOUT}
    write_explanations(
        out / "faithfulness.html", model, about, trust={**trust, "headings": headings}
    )
    print(f"Written to {out}: faithfulness.html, faithfulness.json, faithfulness.png.")


def _in_a_graph(method):
    from keras_vit.interpret.gradients import as_graph

    return lambda model, target: as_graph(method(model, target))


def _ignoring_the_model(control):
    return lambda model, target: control


def _images(model, source, limit):
    """Reads random pictures, each once."""
    from keras_vit.tasks import preprocessing_of

    split = to_look_at(source, model.input_shape[3])
    how = preprocessing_of(model), 0, lambda sample: sample["image"]
    images = drawn_examples(split, limit, *how)
    if len(images) < LEAST:
        raise UserError(
            f"At least {LEAST} pictures are needed: received {len(images)} that can be read."
        )
    return images


def _groups(images):
    """Divides images into groups of at most `PER_CALL`, none of which is less than a mosaic."""
    groups = [images[at : at + PER_CALL] for at in range(0, len(images), PER_CALL)]
    if len(groups[-1]) < LEAST:
        last = np.concatenate(groups[-2:])
        half = len(last) // 2 // LEAST * LEAST
        groups[-2:] = last[:half], last[half:]
    return groups


def _with_intervals(found):
    """Returns mean and ends of the 95 % interval of each measure."""
    return {
        name: {"mean": float(values.mean()), **_interval(values)} for name, values in found.items()
    }


def _interval(values):
    drawn = bootstrap(lambda counts: {"mean": counts @ values / counts.sum(-1)}, len(values))
    return {"low": drawn["mean"].low, "high": drawn["mean"].high}


def _gain(values, name, other, measure):
    """Returns the interval of how much better a method is than another, on the same pictures."""
    from keras_vit.interpret.faithfulness import IS_HIGH_GOOD

    sign = 1 if IS_HIGH_GOOD[measure] else -1
    return _interval(sign * (values[name][measure] - values[other][measure]))


def _no_better_than_random(values, names):
    """Yields a sentence for each measure by which a method is not surely better than chance."""
    for measure in values["random"]:
        others = [name for name in names if _gain(values, name, "random", measure)["low"] <= 0]
        if others:
            yield f"Not better than a random map beyond the 95 % interval, {measure}: " + ", ".join(
                others
            )


def _first_against_others(values, names):
    """Yields a sentence for each measure on which methods the first one is better than."""
    first, *others = names
    for measure in values[first] if others else ():
        gains = {name: _gain(values, first, name, measure) for name in others}
        better = ", ".join(name for name, gain in gains.items() if gain["low"] > 0) or "none"
        worse = ", ".join(name for name, gain in gains.items() if gain["high"] < 0) or "none"
        known = f"better than {better}; worse than {worse}"
        yield f"{first}, {measure}, beyond the 95 % interval: {known}."


def _sums(model, names, groups):
    """Yields a sentence on what relevance and integrated gradients add up to."""
    from keras_vit.interpret.faithfulness import completeness_error, conservation_error

    for name, error, what in (
        ("relevance", conservation_error, "All relevance adds up to the answer"),
        (
            "integrated-gradients",
            completeness_error,
            "Integrated gradients add up to the difference from a black image",
        ),
    ):
        if name in names:
            found = np.concatenate([error(model, x) for x in groups])
            yield f"{what} within {np.median(found):.1e} of it (median; at most {found.max():.1e})."


def _heading(measure):
    from keras_vit.interpret.faithfulness import IS_HIGH_GOOD

    return f"{measure} ({'high' if IS_HIGH_GOOD[measure] else 'low'} is good)"


def _cell(found):
    return f"{100 * found['mean']:.1f} ±{50 * (found['high'] - found['low']):.1f}"


def _print(table, words):
    from rich.console import Console
    from rich.table import Table

    measures = list(table["random"])
    for group in (measures[:4], measures[4:]):
        shown = Table(title=words)
        shown.add_column("method", no_wrap=True)
        for measure in group:
            shown.add_column(_heading(measure), justify="right", min_width=11)
        for name, row in table.items():
            shown.add_row(name, *(_cell(row[measure]) for measure in group))
        Console().print(shown)
