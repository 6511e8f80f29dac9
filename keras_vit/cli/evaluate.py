"""`keras-vit evaluate`: scores a model or an export of it on a source."""

import csv
import itertools
from pathlib import Path
from typing import Literal

import numpy as np

from keras_vit.cli.open_source import open_quietly
from keras_vit.cli.preprocessing import with_flags
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError
from keras_vit.files import atomic_write, write_json
from keras_vit.inference import open_artefact

WORST = 10  # classes that are printed


def evaluate(
    model: Path,
    /,
    *,
    data: str,
    split: str = "test",
    out: Path | None = None,
    crop_ratio: float | None = None,
    interpolation: Literal["bicubic", "bilinear"] | None = None,
    batch_size: int = 64,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Score a model on a split of a source.

    Prints top-1 and top-5 accuracy, the expected calibration error, images per second and the
    classes of lowest recall. Classes of source and model are matched by name, or by number if the
    names in the source are numbers.

    Args:
        model: A .keras, .tflite or .onnx file, a SavedModel folder, a folder of its versions, or a
            folder of OpenVINO.
        data: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        split: The split to score the model on, train or test.
        out: Folder for the report: score.json, classes.csv and confusion.png; by default none is
            written.
        crop_ratio: Share of the short side of a picture file that the central crop keeps; by
            default that of the model, else all.
        interpolation: How picture files are resized; by default that of the model, else bicubic.
        batch_size: Images per call.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split where a folder or table has none; 0.1 by default.
    """
    if batch_size < 1:
        raise UserError(f"--batch-size must be at least 1: received {batch_size}.")
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out must be a folder: {out} is a file.")
    with quiet_stderr():
        artefact = open_artefact(model)
    source = open_quietly(data, data_dir=data_dir, test_fraction=test_fraction)
    source.require_labels("`evaluate`")
    from keras_vit.data import BrokenPictures, fitted_batches, fitted_preprocessing
    from keras_vit.data.labels import check_range
    from keras_vit.evaluation import match_classes, score

    if split not in source.splits:
        raise UserError(f"--split must be one of {', '.join(source.splits)}: received {split!r}.")
    examples, broken = source.splits[split], BrokenPictures()
    if examples.channels != artefact.image_shape[2]:
        raise UserError(
            f"The model takes {artefact.image_shape[2]} channels: "
            f"the source has {examples.channels}."
        )
    flags = dict(crop_ratio=crop_ratio, interpolation=interpolation)
    preprocessing = with_flags(artefact.preprocessing, source, [examples], **flags)
    batches = fitted_batches(examples, preprocessing, batch_size=batch_size, broken=broken)
    batches = batches.as_numpy_iterator()
    images, labels = next(batches, (None, None))
    if images is None:
        raise UserError(f"No picture of the split {split} can be read.")
    count = artefact.predict(images[:1]).shape[-1]
    classes = match_classes(source.class_names, artefact.class_names, count)
    if artefact.class_names is None:
        print("The model names no classes: they are taken to be in the order of the source's.")

    def all_batches():
        for some_images, some_labels in itertools.chain([(images, labels)], batches):
            yield some_images, classes[check_range(some_labels, len(classes))]

    result = score(artefact.predict, all_batches())
    if not np.isfinite(result.confidences).all():
        raise UserError(f"{model} answers some images with something that is not a finite number.")
    names = artefact.class_names or [str(index) for index in range(count)]
    settings = dict(model=str(model), data=data, split=split)
    seen = fitted_preprocessing(examples, preprocessing)
    settings |= dict(crop_ratio=seen.crop_ratio, interpolation=seen.interpolation, fit=seen.fit)
    _print(result, names, settings)
    for path, reason in broken.reasons.items():
        print(f"Left out: {path}: {reason}")
    if out is not None:
        _write(out, result, names, settings)
    return 0


def _figures(result):
    figures = {"images": len(result.labels), "top_1": result.top(1), "top_5": result.top(5)}
    figures["calibration_error"] = result.calibration_error()
    figures["images_per_second"] = result.images_per_second
    return figures


def _print(result, names, settings):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # shows markup in a name as it is

    figures = _figures(result)
    speed = figures["images_per_second"]
    print(
        f"{settings['model']} on {figures['images']:,} images of {settings['data']}, "
        f"{settings['split']}: "
        f"top-1 {figures['top_1']:.2%}, top-5 {figures['top_5']:.2%}, calibration error "
        f"{figures['calibration_error']:.4f}"
        + (f", {speed:,.0f} images per second." if speed else ".")
    )
    images, recall, precision = result.per_class()
    seen = np.flatnonzero(images)
    worst = seen[np.argsort(recall[seen], kind="stable")][:WORST]
    table = Table(title=f"{len(worst)} of {len(seen)} classes, lowest recall first")
    table.add_column("class", overflow="fold")
    for heading in ("images", "recall", "precision"):
        table.add_column(heading, justify="right")
    for index in worst:
        shares = (f"{recall[index]:.2%}", f"{precision[index]:.2%}")
        table.add_row(Text(names[index]), f"{images[index]:,}", *shares)
    Console().print(table)


def _write(folder, result, names, settings):
    from keras_vit.evaluation import confusion_figure

    write_json(folder / "score.json", {**settings, **_figures(result)})
    with atomic_write(folder / "classes.csv") as unfinished:
        with open(unfinished, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["class", "images", "recall", "precision"])
            writer.writerows(zip(names, *result.per_class(), strict=True))
    figure = confusion_figure(result.labels, result.predictions, names)
    with atomic_write(folder / "confusion.png") as unfinished:
        figure.savefig(unfinished, dpi=100)
    print(f"Written to {folder}: score.json, classes.csv, confusion.png.")
