"""Evaluation: any model or artefact on any source.

    python -m keras_vit.cli.evaluate --model saved_models/digits --source digits
    python -m keras_vit.cli.evaluate --model ti.keras --source folder:my_pictures --out report

Prints top-1 and top-5 accuracy, the expected calibration error, images per second and the classes
with the lowest recall; `--out` names a folder for `score.json`, `classes.csv` and
`confusion.png`. Classes of source and model are matched by their names, or by number where
the source's names are numbers.
"""

import csv
import dataclasses
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keras_vit.command_line import run_recipe
from keras_vit.data import BrokenPictures, fitted_batches, open_source
from keras_vit.errors import UserError
from keras_vit.evaluation import confusion_figure, match_classes, score
from keras_vit.files import atomic_write, write_json
from keras_vit.images.preprocessing import cut_told
from keras_vit.inference import open_artefact

WORST = 10  # classes that are printed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The recipe for evaluation."""

    model: str = ""
    """A .keras file, a .tflite file, a SavedModel folder or a folder of its versions."""
    source: str = ""
    """digits, a folder, a .csv or .jsonl file, or the name of a TFDS set."""
    split: str = "test"
    """Which split is answered."""
    data_dir: str | None = None
    """Folder of TFDS' prepared sets; by default what TFDS_DATA_DIR says, else TFDS' own."""
    test_fraction: float | None = None
    """Share of the pictures set apart where there is no test split; 0.1 by default."""
    batch_size: int = 64
    """Images per call."""
    crop_ratio: float | None = None
    """Share of the short side that is kept; by default what the model says, else all of it."""
    out: str = ""
    """Folder for the report; none by default."""


def run(config):
    """Scores the model, prints the figures and writes the report; returns the `Score`."""
    for name in ("model", "source"):
        if not getattr(config, name):
            raise UserError(f"`{name}` must be given: --model ti.keras --source cifar10.")
    artefact = open_artefact(config.model)
    source = open_source(
        config.source, data_dir=config.data_dir, test_fraction=config.test_fraction
    )
    if config.split not in source.splits:
        raise UserError(
            f"`split` must be one of {', '.join(source.splits)}: received {config.split!r}."
        )
    if config.crop_ratio is None:
        ratio = cut_told(artefact.preprocessing)["crop_ratio"]
        config = dataclasses.replace(config, crop_ratio=ratio)
    split, broken = source.splits[config.split], BrokenPictures()
    if split.channels != artefact.image_shape[2]:
        raise UserError(
            f"The model takes {artefact.image_shape[2]} channels: the source has {split.channels}."
        )
    batches = fitted_batches(
        split,
        artefact.image_shape[:2],
        batch_size=config.batch_size,
        crop_ratio=config.crop_ratio,
        broken=broken,
    ).as_numpy_iterator()
    images, labels = next(batches, (None, None))
    if images is None:
        raise UserError(f"No picture of the split {config.split} can be read.")
    count = artefact.predict(images[:1]).shape[-1]
    classes = match_classes(source.class_names, artefact.class_names, count)
    if artefact.class_names is None:
        print("The model names no classes: they are taken to be in the order of the source's.")

    def all_batches():
        yield images, classes[labels]
        for more_images, more_labels in batches:
            yield more_images, classes[more_labels]

    result = score(artefact.predict, all_batches())
    names = artefact.class_names or [str(index) for index in range(count)]
    _print(result, names, config)
    for path, reason in broken.reasons.items():
        print(f"Left out: {path}: {reason}")
    if config.out:
        _write(result, names, config)
    return result


def _figures(result):
    figures = {"images": len(result.labels), "top_1": result.top(1), "top_5": result.top(5)}
    figures["calibration_error"] = result.calibration_error()
    figures["images_per_second"] = result.images_per_second
    return figures


def _print(result, names, config):
    figures = _figures(result)
    speed = figures["images_per_second"]
    print(
        f"{config.model} on {figures['images']:,} images of {config.source}, {config.split}: top-1 "
        f"{figures['top_1']:.2%}, top-5 {figures['top_5']:.2%}, calibration error "
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


def _write(result, names, config):
    folder = Path(config.out)
    report = {**dataclasses.asdict(config), **_figures(result)}
    write_json(folder / "score.json", report)
    with atomic_write(folder / "classes.csv") as unfinished:
        with open(unfinished, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["class", "images", "recall", "precision"])
            writer.writerows(zip(names, *result.per_class(), strict=True))
    figure = confusion_figure(result.labels, result.predictions, names)
    with atomic_write(folder / "confusion.png") as unfinished:
        figure.savefig(unfinished, dpi=100)
    print(f"Written to {folder}: score.json, classes.csv, confusion.png.")


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
