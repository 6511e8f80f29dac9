"""`keras-vit inside`: shows what a model is like inside."""

import contextlib
import sys
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from keras_vit.cli.answers import check_out
from keras_vit.cli.examples import drawn_batches, to_look_at
from keras_vit.cli.open_model import open_to_explain
from keras_vit.cli.open_source import open_quietly
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError
from keras_vit.files import atomic_write, write_json
from keras_vit.images.preprocessing import images_per_call
from keras_vit.progress import progress

PER_CALL = 16  # images, whose attention is in memory
ViewName = Literal["positions", "filters", "distances", "layers", "norms"]
OF_PICTURES = ("distances", "layers", "norms")


def inside(
    model: str,
    /,
    *,
    out: Path,
    show: ViewName | None = None,
    data: str | None = None,
    limit: int = 200,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Show what a model is like inside, whatever it answers.

    Writes for each of these a plot, NAME.png, its numbers, NAME.npz, and what is printed of them,
    NAME.json. positions: how similar those of the patches are. filters: principal components of
    what a patch is multiplied by. distances: how far each head attends. layers: how similar what
    the blocks give is. norms: how long tokens are, of which some can be many times as long as
    others. The last three need --data.

    Args:
        model: A .keras file of ours, or a checkpoint as keras-vit import takes it; with or without
            a head.
        out: Folder to write to.
        show: What is shown; by default all that the model has.
        data: A folder, a .csv or .jsonl file, or the name of a TFDS set, of whose test split, or
            else first one, pictures are drawn at random.
        limit: How many pictures are looked at, at most.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of a folder or table without a test split that is looked at: the one
            that a training with the same share sets apart; by default all.
    """
    check_out(out)
    if limit < 1:
        raise UserError(f"--limit must be at least 1: received {limit}.")
    names = [show] if show else list(get_args(ViewName))
    waiting = [] if data else [name for name in names if name in OF_PICTURES]
    need = f"{', '.join(waiting)} need pictures: name them by --data."
    if show and waiting:
        raise UserError(need)
    with quiet_stderr():
        from keras_vit.cli.inside_views import VIEWS
        from keras_vit.interpret.anatomy import anatomy
        from keras_vit.run.settings import wrapped
    opened, preprocessing = open_to_explain(model)
    anatomy(opened)  # another model is refused before anything else is asked of it
    views, measures, settings = {}, {}, {"model": str(model)}
    for name in (name for name in names if name not in waiting):
        with _leaving_out(name, show):
            chosen = measures if name in OF_PICTURES else views
            chosen[name] = VIEWS[name](opened)
    if measures:
        where = dict(data_dir=data_dir, test_fraction=test_fraction)
        source = open_quietly(data, to_judge=True, **where)
        found = {}
        with _leaving_out(", ".join(measures), show):
            split = to_look_at(source, opened.input_shape[3])
            found = _measured(measures, split, preprocessing, limit)
            settings |= {"data": data, "pictures": len(next(iter(found.values())))}
        for name in found:
            with _leaving_out(name, show):
                views[name] = measures[name].view(found[name])
    for name, view in views.items():
        _write(out, name, view, settings)
        print(*map(wrapped, view.lines), sep="\n")
    if waiting:
        print(f"keras-vit: {need}", file=sys.stderr)
    print(f"Written to {out}: {', '.join(views)}, each as .png, .npz and .json.")
    return 0


@contextlib.contextmanager
def _leaving_out(name, show):
    """Says why a model has no such view, where others are shown."""
    try:
        yield
    except UserError as error:
        if show:
            raise
        print(f"keras-vit: {name} are left out: {error}", file=sys.stderr)


def _measured(measures, split, preprocessing, limit):
    """Returns what is measured of random pictures, `(N, ...)` by name."""
    size = images_per_call(preprocessing.image_size, PER_CALL)
    how = preprocessing, 0, lambda sample: sample["image"]
    batches = drawn_batches(split, limit, *how, batch_size=size)
    parts = {name: [] for name in measures}
    for images in progress(batches, "looking inside", -(-min(limit, split.count) // size)):
        for name, measure in measures.items():
            parts[name].append(measure.of_images(images))
    return {name: np.concatenate(each) for name, each in parts.items()}


def _write(out, name, view, settings):
    with atomic_write(out / f"{name}.png") as unfinished:
        view.figure.savefig(unfinished, dpi=130)
    with atomic_write(out / f"{name}.npz") as unfinished:
        np.savez(unfinished, **view.arrays)
    write_json(out / f"{name}.json", {**settings, **view.values})
