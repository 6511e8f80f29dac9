"""`keras-vit evaluate`: scores a model or an export of it on a source."""

import dataclasses
import functools
import itertools
import shlex
from pathlib import Path
from typing import Literal

import numpy as np

from keras_vit.cli.answers import check_out
from keras_vit.cli.baselines import figures_in_words, score_baselines
from keras_vit.cli.examples import check_channels, examples_of
from keras_vit.cli.open_source import open_quietly
from keras_vit.cli.preprocessing import with_flags
from keras_vit.cli.rows import csv_file
from keras_vit.cli.whole_pictures import answer_whole, refuse_flags, whole_batches
from keras_vit.command_line import quiet_stderr, this_command
from keras_vit.errors import UserError
from keras_vit.files import atomic_write, write_json
from keras_vit.images.preprocessing import images_per_call
from keras_vit.inference import open_artefact
from keras_vit.inference.described import task_of
from keras_vit.progress import progress

WORST = 10  # classes that are printed


def evaluate(
    model: Path,
    /,
    *,
    data: str,
    split: str | None = None,
    out: Path | None = None,
    crop_ratio: float | None = None,
    interpolation: Literal["bicubic", "bilinear"] | None = None,
    batch_size: int | None = None,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Score a model on a split of a source.

    Prints the figures of the model's task, images per second and the worst classes: of a classifier
    top-1 and top-5 accuracy and the expected calibration error, of a segmentation mean IoU, pixel
    and class accuracy, of super-resolution PSNR and SSIM of whole pictures, of inpainting those of
    missing pixels, and of simpler ways to fill them. Classes of source and model are matched by
    name, or by number if the names in the source are numbers. All pictures of a source without
    splits are judged.

    Args:
        model: A .keras, .tflite or .onnx file, a SavedModel folder, a folder of its versions, or a
            folder of OpenVINO.
        data: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        split: The split to score the model on; by default test, or the only one that there is.
        out: Folder for the report: report.html, score.json, classes.csv, predictions.csv, plots
            and, where the task draws its answers, the worst ones; by default none is written.
        crop_ratio: Share of the short side of a picture file that the central crop keeps; by
            default that of the model, else all.
        interpolation: How picture files are resized; by default that of the model, else bicubic.
        batch_size: Images per call; by default 64, or fewer if they are large.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of a folder or table without a test split that is judged: the one that
            a training with the same share sets apart, 0.1 by default there.
    """
    if batch_size is not None and batch_size < 1:
        raise UserError(f"--batch-size must be at least 1: received {batch_size}.")
    check_out(out)
    with quiet_stderr():
        artefact = open_artefact(model)
    source = open_quietly(data, data_dir=data_dir, test_fraction=test_fraction, to_judge=True)
    from keras_vit.cli.predictions import Predictions
    from keras_vit.data import BrokenPictures, fitted_batches, fitted_preprocessing
    from keras_vit.data.labels import explain_labels
    from keras_vit.evaluation import score
    from keras_vit.evaluation.worst import Worst

    split = _chosen(split, source.splits)
    examples, broken = source.splits[split], BrokenPictures()
    flags = dict(crop_ratio=crop_ratio, interpolation=interpolation)
    preprocessing = with_flags(artefact.preprocessing, source, [examples], **flags)
    task = task_of(artefact, {} if artefact.class_names else _shapes(artefact))
    if task.truth_is_answered:
        raise UserError(f"`evaluate` needs a truth, and features have none: {model} has no head.")
    check_channels(artefact.image_shape[2] - task.alpha, examples)
    example = examples_of(source, task, artefact.class_names, "`evaluate`")
    if artefact.class_names is None and task.class_names and source.class_names:
        print("The model names no classes: they are taken to be in the order of the source's.")
    settings, answers_of = dict(model=str(model), data=data, split=split), artefact.answer
    if task.whole_example is None:
        size = batch_size or images_per_call(artefact.image_shape[:2])
        how = dict(batch_size=size, example=example, numbered=True, broken=broken)
        batches = fitted_batches(examples, preprocessing, **how).as_numpy_iterator
        seen = fitted_preprocessing(examples, preprocessing)
        settings |= dict(crop_ratio=seen.crop_ratio, interpolation=seen.interpolation, fit=seen.fit)
    else:
        refuse_flags(task, **flags, batch_size=batch_size)
        size, batches = 1, functools.partial(whole_batches, task, examples, broken)
        answers_of = answer_whole(task, artefact)
    steps = -(-examples.count // size)
    predictions = Predictions(out, task, examples)
    worst = None if out is None else Worst(task)

    def answer(images):
        answers = answers_of(images)
        if not all(np.isfinite(array).all() for array in answers.values()):
            raise UserError(
                f"{model} answers some images with something that is not a finite number."
            )
        return answers

    def watch(*batch):
        predictions.add(*batch)
        if worst is not None:
            worst(*batch)

    with explain_labels(), predictions.opened():
        stream = batches()
        first = next(stream, None)
        if first is None:
            raise UserError(f"No picture of the split {split} can be read.")
        stream = progress(itertools.chain([first], stream), f"answering {split}", steps)
        scored = score(task, answer, predictions.numbered(stream), watch=watch)
    _print(task, scored, settings)
    baselines = score_baselines(task, lambda: (pair for pair, _ in batches()), steps)
    for path, reason in broken.reasons.items():
        print(f"Left out: {path}: {reason}")
    if out is not None:
        report = _report(task, scored, settings, worst.examples, source, artefact, broken)
        report = dataclasses.replace(report, baselines=_headlines(scored, baselines, split))
        if examples.named:
            report = dataclasses.replace(report, path_of=predictions.path_of)
        settings |= {"baselines": baselines} if baselines else {}
        _write(out, task, scored, settings, report, predictions.written(scored.result))
    return 0


def _chosen(split, splits):
    """Returns the name of the split to judge."""
    if split is None:
        split = "test" if "test" in splits or len(splits) > 1 else next(iter(splits))
    if split not in splits:
        raise UserError(f"--split must be one of {', '.join(splits)}: received {split!r}.")
    return split


def _shapes(artefact):
    """Returns the shapes of a model's answers by name."""
    answers = artefact.answer(np.zeros((1, *artefact.image_shape), "uint8"))
    return {name: array.shape for name, array in answers.items()}


def _figures(scored):
    figures = {"images": scored.result.count, **scored.result.figures}
    return figures | {"images_per_second": scored.images_per_second}


def _print(task, scored, settings):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # shows markup in a name as it is

    result, speed = scored.result, scored.images_per_second
    figures = figures_in_words(task, result.figures)
    print(
        f"{settings['model']} on {result.count:,} images of {settings['data']}, "
        f"{settings['split']}: {figures}"
        + (f", {_speed(speed)} images per second." if speed else ".")
    )
    if not result.per_class:
        return
    first, values = next(iter(result.per_class.items()))
    seen = np.flatnonzero(~np.isnan(values))
    worst = seen[np.argsort(values[seen], kind="stable")][:WORST]
    table = Table(title=f"{len(worst)} of {len(seen)} classes, lowest {first} first")
    table.add_column("class", overflow="fold")
    for heading in result.per_class:
        table.add_column(heading, justify="right")
    for index in worst:
        cells = [_cell(task, name, column[index]) for name, column in result.per_class.items()]
        table.add_row(Text(task.shown_names[index]), *cells)
    Console().print(table)


def _headlines(scored, baselines, split):
    """Returns the headline of the model and of each baseline, empty where there are none."""
    name, value = scored.result.headline
    found = {each: {split: figures[name]} for each, figures in baselines.items()}
    return {"this model": {split: value}, **found} if found else {}


def _speed(images_per_second):
    """Writes two digits of a small number: a large picture may take seconds."""
    return f"{images_per_second:{',.0f' if images_per_second >= 10 else '.2g'}}"


def _report(task, scored, settings, worst, source, artefact, broken):
    """Returns what `report.html` shows."""
    from keras_vit.report import Report

    left_out = [f"{len(broken.reasons)} of the pictures could not be read."]
    words = this_command()
    return Report(
        task=task,
        model=settings["model"],
        data=settings["data"],
        split=settings["split"],
        result=scored.result,
        notes=left_out if broken.reasons else [],
        pictures={name: split.count for name, split in source.splits.items()},
        worst=worst,
        settings=settings,
        commands=[("Scores it again:", shlex.join(words))] if words else [],
        device=artefact.runtime,
    )


def _cell(task, name, value):
    if isinstance(value, np.integer):
        return f"{value:,}"
    return "" if np.isnan(value) else task.text(name, value)


def _write(folder, task, scored, settings, report, written):
    from keras_vit.evaluation import sheet_figure
    from keras_vit.report import write_page

    result = scored.result
    write_json(folder / "score.json", {**settings, **_figures(scored)})
    written = ["score.json", *written]
    if result.per_class:
        written.append("classes.csv")
        with csv_file(folder / "classes.csv") as writer:
            writer.writerow(["class", *result.per_class])
            columns = result.per_class.values()
            writer.writerows(zip(task.shown_names, *columns, strict=True))
    for name, draw in result.plots.items():
        written.append(f"{name}.png")
        with atomic_write(folder / written[-1]) as unfinished:
            draw().savefig(unfinished, dpi=100)
    if task.draws_answers and report.worst:
        rows = [(*example[:3], f"{example.goodness:.3g}") for example in report.worst]
        written.append("worst.png")
        with atomic_write(folder / written[-1]) as unfinished:
            sheet_figure(task, rows).savefig(unfinished, dpi=100)
    written.append("report.html")
    write_page(folder / written[-1], report)
    print(f"Written to {folder}: {', '.join(written)}.")
