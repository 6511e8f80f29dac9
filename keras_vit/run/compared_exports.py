"""The exports of a run: written, compared with the saved model, and kept only if they agree."""

import dataclasses
import sys

from rich.console import Console

from keras_vit.errors import UserError
from keras_vit.evaluation import Comparing, NoAnswer, comparison_table
from keras_vit.export import FORMATS, stage
from keras_vit.export.limits import verdict

EXPORTED = ("savedmodel", "tflite")  # formats


def export_and_compare(task, model, keras_path, folder, judged, *, preprocessing):
    """Exports a model as the next version in a folder, compares all on test images, prints a table.

    Each file is loaded once, in a process of its own, and answers while the next one is written.
    One whose answers differ too much is renamed to `.rejected`, as by `keras-vit export`.

    Args:
        task: The `keras_vit.tasks.Task` that the model was trained for.
        model: The model, as `task.deploy` returns it.
        keras_path: The `.keras` file of the model, whose answers the exports must give.
        folder: Folder of the versions.
        judged: What `keras_vit.run.judge.judge` returned.
        preprocessing: The `Preprocessing` of evaluation, saved with the exports.

    Returns:
        A list of `keras_vit.evaluation.Comparison`s: of the `.keras` file, then of each export.

    Raises:
        ValueError: If an export cannot be written or loaded, or its answers are no use; no version
            is then made.
        OSError: If nothing can be written to the folder.
    """
    count, tested = len(judged.images), judged.result.count
    which = f"{count:,} of them, drawn at random," if count < tested else f"{count:,} images"
    print(f"Exporting to {folder}, and running {which} through each, in a process of its own ...")
    with Comparing(judged.images) as comparing:
        comparing.begin(keras_path)  # it answers while the exports are written
        how = dict(to=EXPORTED, preprocessing=preprocessing, written=comparing.begin)
        with stage(model, folder, **how) as staged:
            for note in staged.notes:
                print(note)
            try:
                first, *rows = comparing.finish(task, judged.truth)
            except NoAnswer as error:
                raise UserError(str(error)) from error
            rejected = {}
            for name, row in zip(staged.paths, rows, strict=True):
                found = verdict(task, FORMATS[name], row)
                if found.is_broken:
                    raise UserError(f"What was written as {name} cannot be used: {found.rejected}")
                if found.rejected:
                    rejected[name] = found.rejected
            staged.rejected |= set(rejected)
    paths = staged.paths.values()  # of the version
    rows = [
        dataclasses.replace(row, artefact=str(path)) for row, path in zip(rows, paths, strict=True)
    ]
    Console().print(comparison_table(task, [first, *rows]))
    for name, why in rejected.items():
        print(f"{staged.paths[name]}: {why}", file=sys.stderr)
    return [first, *rows]
