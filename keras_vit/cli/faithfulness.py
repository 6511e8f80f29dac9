"""How far ways to explain can be trusted: the table of `keras-vit explain --faithfulness`."""

import numpy as np
from rich.console import Console
from rich.table import Table

from keras_vit.cli.examples import drawn_examples, to_look_at
from keras_vit.cli.open_model import open_exportable
from keras_vit.cli.open_source import open_quietly
from keras_vit.errors import UserError
from keras_vit.evaluation.intervals import bootstrap
from keras_vit.files import atomic_write, write_json
from keras_vit.images.preprocessing import images_per_call
from keras_vit.interpret.controls import CONTROLS
from keras_vit.interpret.faithfulness import (
    IS_HIGH_GOOD,
    check_measurable,
    completeness_error,
    conservation_error,
    faithfulness,
)
from keras_vit.interpret.faithfulness_plot import faithfulness_figure
from keras_vit.interpret.gradients import as_graph
from keras_vit.interpret.localisation import PARTS
from keras_vit.interpret.methods import ABOUT, METHODS
from keras_vit.progress import progress
from keras_vit.report import Trust, write_explanations
from keras_vit.run.settings import wrapped
from keras_vit.tasks import preprocessing_of

PER_CALL = 16  # images that are explained at once, at most


def measure(model, names, *, data, limit, out, **where):
    """Measures methods on pictures of a source, and prints the table.

    Args:
        model: A path, as `keras-vit explain` takes it.
        names: Names of methods; the first one is compared with the others.
        data: The source.
        limit: How many pictures are looked at, at most.
        out: A folder for faithfulness.json and faithfulness.png, or `None`.
        **where: Further arguments of `keras_vit.data.open_source`.

    Returns:
        The status of the command.

    Raises:
        ValueError: If the model or the source cannot be opened, the model is no classifier, or
            fewer than four pictures can be read.
    """
    source = open_quietly(data, to_judge=True, **where)
    opened = open_exportable(model)
    check_measurable(opened)
    images = _images(opened, source, limit)
    ways = {name: _in_a_graph(METHODS[name]) for name in names}
    ways |= {name: _ignoring_the_model(control) for name, control in CONTROLS.items()}
    groups = _groups(images)
    values = {}
    measured = faithfulness(opened)
    for name, way in ways.items():
        parts = [measured(way, images) for images in progress(groups, name, len(groups))]
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
        about = {"model": str(model), "data": data, "pictures": len(images)}
        _write(out, about, words, table, sentences, values)
    return 0


def _write(out, about, words, table, sentences, values):
    """Writes what was measured into a folder: as numbers, as a plot and as a page."""
    out.mkdir(parents=True, exist_ok=True)
    each = {
        name: {key: value.round(6).tolist() for key, value in found.items()}
        for name, found in values.items()
    }
    found = {"methods": table, "sentences": sentences, "values": each}
    write_json(out / "faithfulness.json", {**about, **found})
    figure = faithfulness_figure(table)
    with atomic_write(out / "faithfulness.png") as unfinished:
        figure.savefig(unfinished, dpi=100)
    trust = Trust(
        words=f"{words}.",
        figure=figure,
        headings=["method", *map(_heading, table["random"])],
        rows=[(name, [_cell(cell) for cell in row.values()]) for name, row in table.items()],
        sentences=sentences,
    )
    methods = {name: ABOUT[name] for name in table if name in ABOUT}
    write_explanations(out / "faithfulness.html", about["model"], methods, trust=trust)
    print(f"Written to {out}: faithfulness.html, faithfulness.json, faithfulness.png.")


def _in_a_graph(method):
    return lambda model, target: as_graph(method(model, target))


def _ignoring_the_model(control):
    return lambda model, target: control


def _images(model, source, limit):
    """Reads random pictures, each once."""
    split = to_look_at(source, model.input_shape[3])
    how = preprocessing_of(model), 0, lambda sample: sample["image"]
    images = drawn_examples(split, limit, *how)
    if len(images) < PARTS:
        raise UserError(
            f"At least {PARTS} pictures are needed: received {len(images)} that can be read."
        )
    return images


def _groups(images):
    """Divides images into groups, none of which is less than a mosaic."""
    most = images_per_call(images.shape[1:3], PER_CALL)
    most = max(PARTS, most - most % PARTS)
    groups = [images[at : at + most] for at in range(0, len(images), most)]
    if len(groups[-1]) < PARTS:
        groups[-2:] = [np.concatenate(groups[-2:])]
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
    sign = 1 if IS_HIGH_GOOD[measure] else -1
    return _interval(sign * (values[name][measure] - values[other][measure]))


def _no_better_than_random(values, names):
    """Yields a sentence for each measure by which a method is not surely better than chance."""
    for measure in values["random"]:
        others = [name for name in names if _gain(values, name, "random", measure)["low"] <= 0]
        if others:
            yield f"By {measure}, not better than a random map (95 % interval): " + ", ".join(
                others
            )


def _first_against_others(values, names):
    """Yields a sentence on which methods the first one beats, by each measure."""
    first, *others = names
    for measure in values[first] if others else ():
        gains = {name: _gain(values, first, name, measure) for name in others}
        better = ", ".join(name for name, gain in gains.items() if gain["low"] > 0)
        worse = ", ".join(name for name, gain in gains.items() if gain["high"] < 0)
        known = [f"better than {better}"] * bool(better) + [f"worse than {worse}"] * bool(worse)
        if known:
            yield f"By {measure}, {first} is {'; '.join(known)} (95 % interval)."


def _sums(model, names, groups):
    """Yields a sentence on what relevance and integrated gradients add up to."""
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
    return f"{measure} ({'high' if IS_HIGH_GOOD[measure] else 'low'} is good)"


def _cell(found):
    return f"{100 * found['mean']:.1f} ±{50 * (found['high'] - found['low']):.1f}"


def _print(table, words):
    measures = list(table["random"])
    for group in (measures[:4], measures[4:]):
        shown = Table(title=words)
        shown.add_column("method", no_wrap=True)
        for measure in group:
            shown.add_column(_heading(measure), justify="right", min_width=11)
        for name, row in table.items():
            shown.add_row(name, *(_cell(row[measure]) for measure in group))
        Console().print(shown)
