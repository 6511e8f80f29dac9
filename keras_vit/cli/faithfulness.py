"""How far ways to explain can be trusted: the table of `keras-vit explain --faithfulness`."""

import numpy as np

from keras_vit.cli.examples import drawn_examples, to_look_at
from keras_vit.cli.open_model import open_exportable
from keras_vit.cli.open_source import open_quietly
from keras_vit.errors import UserError
from keras_vit.evaluation.intervals import bootstrap
from keras_vit.files import write_json
from keras_vit.progress import progress

PER_CALL = 16  # images that are explained at once
LOWER_IS_BETTER = ("pixels positive", "tokens positive", "deletion")


def measure(model, names, *, data, limit, out, data_dir):
    """Measures methods on pictures of a source, and prints the table.

    Args:
        model: A path, as `keras-vit explain` takes it.
        names: Names of methods.
        data: The source.
        limit: How many pictures are looked at, at most.
        out: A folder for faithfulness.json, or `None`.
        data_dir: Folder of prepared TFDS sets.

    Returns:
        The status of the command.

    Raises:
        ValueError: If the model or the source cannot be opened, or no picture can be read.
    """
    from keras_vit.interpret.controls import CONTROLS
    from keras_vit.interpret.methods import METHODS
    from keras_vit.run.settings import wrapped

    source = open_quietly(data, data_dir=data_dir, to_judge=True)
    opened = open_exportable(model)
    explain = {name: METHODS[name](opened, None) for name in names} | CONTROLS
    images = _images(opened, source, limit)
    groups = [images[at : at + PER_CALL] for at in range(0, len(images), PER_CALL)]
    each = {}
    for name, method in explain.items():
        parts = [_measured(opened, x, method(x)) for x in progress(groups, name, len(groups))]
        each[name] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    table = {name: _with_intervals(found) for name, found in each.items()}
    _print(table, len(images))
    for sentence in _no_better_than_random(each, names):
        print(wrapped(sentence))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        settings = {"model": str(model), "data": data, "images": len(images)}
        write_json(out / "faithfulness.json", {**settings, "methods": table})
        print(f"Written to {out}: faithfulness.json.")
    return 0


def _images(model, source, limit):
    """Reads random pictures, each once."""
    from keras_vit.tasks import preprocessing_of

    split = to_look_at(source, model.input_shape[3])
    how = preprocessing_of(model), 0, lambda sample: sample["image"]
    images = drawn_examples(split, limit, *how)
    if len(images) < 2:
        raise UserError(f"Two pictures are needed: received {len(images)} that can be read.")
    return images


def _measured(model, images, maps):
    """Returns what maps of images are worth, `(B,)` by the name of the measure."""
    from keras_vit.interpret import perturbation

    maps = np.asarray(maps)
    pixels = perturbation.pixel_perturbation(model, images, maps)
    tokens = perturbation.token_perturbation(model, images, maps)
    return {
        "pixels positive": pixels.positive,
        "pixels negative": pixels.negative,
        "tokens positive": tokens.positive,
        "tokens negative": tokens.negative,
        "deletion": perturbation.deletion(model, images, maps),
        "insertion": perturbation.insertion(model, images, maps),
    }


def _with_intervals(found):
    """Returns mean and ends of the 95 % interval of each measure."""
    return {
        name: {"mean": float(values.mean()), **_interval(values)} for name, values in found.items()
    }


def _interval(values):
    drawn = bootstrap(lambda counts: {"mean": counts @ values / counts.sum(-1)}, len(values))
    return {"low": drawn["mean"].low, "high": drawn["mean"].high}


def _no_better_than_random(each, names):
    """Yields a sentence for each measure by which a method is not surely better than chance."""
    for measure in each["random"]:
        sign = -1 if measure in LOWER_IS_BETTER else 1
        random = each["random"][measure]
        others = [
            name for name in names if _interval(sign * (each[name][measure] - random))["low"] <= 0
        ]
        if others:
            yield f"Not better than a random map beyond the 95 % interval, {measure}: " + ", ".join(
                others
            )


def _print(table, count):
    from rich.console import Console
    from rich.table import Table

    measures = list(next(iter(table.values())))
    for group in (measures[:4], measures[4:]):
        shown = Table(title=f"{count:,} pictures, percent; ± half of the 95 % interval")
        shown.add_column("method", no_wrap=True)
        for measure in group:
            good = "low" if measure in LOWER_IS_BETTER else "high"
            shown.add_column(f"{measure} ({good} is good)", justify="right", min_width=11)
        for name, row in table.items():
            cells = (row[measure] for measure in group)
            shown.add_row(
                name,
                *(f"{100 * x['mean']:.1f} ±{50 * (x['high'] - x['low']):.1f}" for x in cells),
            )
        Console().print(shown)
