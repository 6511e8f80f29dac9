"""`keras-vit export`: a trained model as everything that is deployed, and what each cost."""

import dataclasses
import functools
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np

from keras_vit.command_line import quiet_stderr
from keras_vit.commands.opening import open_quietly
from keras_vit.whole_file import whole_file

SAME = 1e-5  # largest difference of a probability, of formats that only store
LOSS = {  # largest loss of top-1, in percentage points
    "tflite-float16": 0.3,
    "tflite-int8": 0.3,
    "tflite-int8-dense": 0.3,
    "tflite-int8-full": 1.0,
    "tflite-int16": 0.3,
    "tflite-int4": 1.5,
}


def export_model(
    model: Path,
    /,
    *,
    data: str,
    out: Path,
    to: str = "savedmodel,tflite,tflite-int8",
    images: int = 1000,
    calibration: int = 128,
    dynamic_batch: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    crop_ratio: float = 0.875,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
):
    """Export a model, check each artefact on real images, and print what it cost.

    Writes <out>/<version>/, <out>/<version>.tflite and so on, the report beside them as .json and
    .md, and what TensorFlow Serving is configured by. An artefact beyond its limit is put aside as
    .rejected. Exit status 0: all were accepted; 1: some were not; 2: nothing was exported.

    Args:
        model: A .keras file of ours, or a checkpoint as keras-vit import takes it.
        data: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set: its test split
            judges, and its training split calibrates.
        out: Folder of the versions, whose name is the model's.
        to: Formats, between commas: savedmodel, tflite, tflite-float16, tflite-int8,
            tflite-int8-dense, tflite-int8-full, tflite-int16, tflite-int4, onnx, openvino.
        images: Test images that the artefacts are compared on, at most.
        calibration: Training images that whole numbers are calibrated on.
        dynamic_batch: Make .tflite files that take any number of images, and not one.
        crop_ratio: Share of the short side that is kept of encoded pictures.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split where a folder or table has none; 0.1 by default.
        seed: Seed of the choice of images for calibration.
    """
    for name, value in {"--images": images, "--calibration": calibration}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1: received {value}.")
    source = open_quietly(data, data_dir=data_dir, test_fraction=test_fraction)
    with quiet_stderr():
        import keras
        from rich.console import Console

        from keras_vit.artefacts import compare, comparison_table, match_classes
        from keras_vit.checkpoints import load
        from keras_vit.data import cut_of
        from keras_vit.export import FORMATS, save_keras, stage, write_configurations
        from keras_vit.tasks import class_names_of
    classifier = load(model)
    if len(classifier.output_shape) != 2 or "head" not in [x.name for x in classifier.layers]:
        raise ValueError(f"{model} has no head: train one, or import it with --num-classes.")
    size = classifier.input_shape[1:3]
    pictures, labels = _test_images(source, size, images, crop_ratio)
    names, count = class_names_of(classifier), classifier.output_shape[-1]
    labels = match_classes(source.class_names, names, count)[labels]
    logits = classifier.predict(pictures, batch_size=64, verbose=0)
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    print(f"Exporting {model} to {out}, compared on {len(pictures):,} images of {source.name}.")
    formats = tuple(to.split(","))
    calibrated = any(name in FORMATS and FORMATS[name].is_calibrated for name in formats)
    with stage(
        classifier,
        out,
        to=formats,
        **cut_of(source.splits["test"], crop_ratio),
        calibration=_training_images(source, size, calibration, crop_ratio, seed)
        if calibrated
        else None,
        dynamic_batch=dynamic_batch,
    ) as staged:
        with tempfile.TemporaryDirectory() as folder:
            keras_file = Path(folder, "model.keras")
            save_keras(classifier, keras_file)
            paths = [keras_file, *staged.paths.values()]
            rows = compare(paths, pictures, labels, reference)
        verdicts = dict(zip(staged.paths, map(_verdict, staged.paths, rows[1:]), strict=True))
        staged.rejected |= {name for name, why in verdicts.items() if why}
    rows = [dataclasses.replace(rows[0], artefact=str(model))] + [
        dataclasses.replace(row, artefact=str(path))
        for row, path in zip(rows[1:], staged.paths.values(), strict=True)
    ]
    Console().print(comparison_table(rows))
    _write_report(out / f"{staged.version}.json", rows, verdicts)
    if "savedmodel" in staged.paths and "savedmodel" not in staged.rejected:
        print(f"Serve it:\n  {write_configurations(out)}")
    for name, why in verdicts.items():
        if why:
            print(f"keras-vit: {staged.paths[name]}: {why}", file=sys.stderr)
    return 1 if staged.rejected else 0


def _test_images(source, size, count, crop_ratio):
    """Returns the first images of the test split `(N, H, W, C)` and their labels `(N,)`."""
    from keras_vit.data import fitted_batches

    if "test" not in source.splits:
        raise ValueError(f"{source.name} has no test split that could judge the artefacts.")
    found, seen = [], 0
    batches = fitted_batches(source.splits["test"], size, batch_size=64, crop_ratio=crop_ratio)
    for batch in batches.as_numpy_iterator():
        found.append(batch)
        seen += len(batch[0])
        if seen >= count:
            break
    if not found:
        raise ValueError(f"No picture of the test split of {source.name} can be read.")
    images, labels = (np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
    return images, labels


def _training_images(source, size, count, crop_ratio, seed):
    """Returns some images of the training split `(N, H, W, C)`, drawn by the seed, or `None`."""
    from keras_vit.data import Split, centre_crop, train_batches

    split = source.splits.get("train")
    if split is None:
        return None
    crop = functools.partial(centre_crop, size=size, ratio=crop_ratio)
    batches = train_batches(
        split.resized(size) if isinstance(split, Split) else split,
        batch_size=min(count, split.count),
        seed=seed,
        crop=None if isinstance(split, Split) else crop,
    )
    images, _ = next(batches.as_numpy_iterator())
    return images


def _verdict(name, row):
    """Says why an artefact is beyond its limit, or returns `None`."""
    if name in LOSS:
        loss = -100 * row.change
        if loss > LOSS[name] + 1e-9:
            return f"it loses {loss:.2f} points of top-1, more than {LOSS[name]}."
    elif not row.difference <= SAME:
        return f"a probability differs by {row.difference:.1e}, more than {SAME}."
    return None


def _write_report(path, rows, verdicts):
    """Writes `path`, JSON, and a Markdown table beside it."""
    report = {
        "artefacts": [dataclasses.asdict(row) for row in rows],
        "rejected": {name: why for name, why in verdicts.items() if why},
    }
    with whole_file(path) as unfinished:
        unfinished.write_text(json.dumps(report, indent=2) + "\n")
    with whole_file(path.with_suffix(".md")) as unfinished:
        unfinished.write_text(_markdown(rows), "utf-8")


def _markdown(rows):
    """Lays the rows out as a Markdown table; times as ratios of the first row's."""
    settings = list(rows[0].milliseconds)
    headings = ["artefact", "size", "top-1", "change", "same top-1", "largest difference"]
    headings += ["calibration error", *(f"{name}, ms" for name in settings), "runtime", "operators"]
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    for row in rows:
        operators = ", ".join(f"{count} {name}" for name, count in row.operators.items())
        times = [
            f"{row.milliseconds[name]:.2f} "
            f"({rows[0].milliseconds[name] / row.milliseconds[name]:.2f}x)"
            for name in settings
        ]
        cells = [
            f"`{row.artefact}`",
            f"{row.size / 1e6:.2f} MB",
            f"{row.accuracy:.2%}",
            f"{100 * row.change:+.2f}",
            f"{row.agreement:.2%}",
            f"{row.difference:.1e}",
            f"{row.calibration_error:.4f}",
            *times,
            row.runtime,
            operators,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
