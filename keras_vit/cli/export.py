"""`keras-vit export`: writes a trained model for deployment and compares each format with it."""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import numpy as np

from keras_vit.cli.examples import check_channels, drawn_examples, examples_of
from keras_vit.cli.open_model import open_exportable
from keras_vit.cli.open_source import open_quietly
from keras_vit.cli.preprocessing import with_flags
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import LONGEST, UserError, one_line
from keras_vit.evaluation import NoAnswer, forks
from keras_vit.inference.described import task_of


def export_model(
    model: str,
    /,
    *,
    data: str,
    out: Path,
    to: str = "savedmodel,tflite,tflite-int8",
    images: int = 1000,
    calibration: int = 128,
    dynamic_batch: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    attention: str | None = None,
    limit: float | None = None,
    force: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    crop_ratio: float | None = None,
    interpolation: Literal["bicubic", "bilinear"] | None = None,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
):
    """Export a model, compare each export with it on real images, and print the differences.

    Writes `<out>/<version>/`, `<out>/<version>.tflite` and so on, a report beside them as .json
    and .md, and the configuration of TensorFlow Serving. An export that loses more than its
    format may, and significantly (with at most 5 % probability by chance), is renamed to
    .rejected. Exit status 0: all exports were accepted. 1: some were rejected or could not be
    written. 2: nothing was exported.

    Args:
        model: A .keras file, or a checkpoint as keras-vit import takes it.
        data: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set. The exports are
            compared on random images of its test split and calibrated on random images of its
            training split.
        out: Folder of the versions; its name becomes the model's.
        to: Formats, separated by commas: savedmodel, tflite, tflite-float16, tflite-int8,
            tflite-int8-dense, tflite-int8-full, tflite-int16, tflite-int4, onnx, openvino.
        images: How many test images the exports are compared on, at most.
        calibration: How many training images calibrate the integer formats.
        dynamic_batch: Make .tflite files that take any number of images instead of one.
        attention: What the signature attention of the SavedModel answers with, to show what of a
            picture speaks for its class: attention, rollout, gradient-rollout, attribution,
            relevance, gradcam, integrated-gradients or smoothgrad; by default rollout, where the
            model has it.
        limit: Largest loss that any format may have, in points of the headline, for example 0.5;
            by default each format has its own.
        force: Keep exports that are beyond their limit. Those with answers that are not finite, or
            the same for different pictures, are rejected all the same.
        crop_ratio: Share of the short side of a picture that the exports' central crop keeps; by
            default that of the model, else all.
        interpolation: How the exports resize pictures; by default that of the model, else bicubic.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split if a folder or table has none; 0.1 by default.
        seed: Seed of the choice of images.
    """
    for name, value in {"--images": images, "--calibration": calibration}.items():
        if value < 1:
            raise UserError(f"{name} must be at least 1: received {value}.")
    if limit is not None and not 0 <= limit <= 100:
        raise UserError(f"--limit is 0 to 100 points: received {limit}.")
    forks.prepare()  # imports TensorFlow beside this process
    source = open_quietly(data, data_dir=data_dir, test_fraction=test_fraction)
    with quiet_stderr():
        from rich.console import Console

        from keras_vit.data import fitted_preprocessing
        from keras_vit.data.labels import explain_labels
        from keras_vit.evaluation import (
            Comparing,
            can_be_significant,
            comparison_table,
            write_report,
        )
        from keras_vit.export import FORMATS, check_formats, save_keras, stage, write_configurations
        from keras_vit.export.explanation import check_explanation
        from keras_vit.export.limits import verdict
        from keras_vit.tasks import deploy, preprocessing_of
    formats = tuple(name.strip() for name in to.split(","))
    check_formats(formats)
    opened = open_exportable(model)
    check_explanation(opened, attention, formats)
    deployed = deploy(opened)
    task = task_of(deployed, deployed.shapes)
    if "test" not in source.splits:
        raise UserError(f"{source.name} has no test split to compare the exports on.")
    test = source.splits["test"]
    check_channels(opened.input_shape[3] - task.alpha, test)
    flags = dict(crop_ratio=crop_ratio, interpolation=interpolation)
    served = with_flags(preprocessing_of(opened), source, [test], **flags)
    seen = fitted_preprocessing(test, served)
    example = examples_of(source, task, deployed.class_names, "`export`")
    with explain_labels():
        pictures, truth = drawn_examples(test, images, task.samples_by(served), seed, example)
    some = deployed(pictures[:4].astype("float32")).values()
    if not all(np.isfinite(x).all() for x in some):  # of all, `compare` knows later
        raise UserError(f"{model} answers some images with something that is not a finite number.")
    print(f"Exporting {model} to {out}, compared on {len(pictures):,} images of {source.name}.")
    calibrating = None
    if any(FORMATS[name].is_calibrated for name in formats) and "train" in source.splits:
        how = task.samples_by(served), seed, example
        calibrating, _ = drawn_examples(source.splits["train"], calibration, *how)
    failures = {}
    with Comparing(pictures) as comparing, tempfile.TemporaryDirectory() as folder:
        keras_file = Path(folder, "model.keras")
        save_keras(opened, keras_file)
        comparing.begin(keras_file)  # it answers while the exports are written
        with stage(
            opened,
            out,
            to=formats,
            preprocessing=served,
            calibration=calibrating,
            dynamic_batch=dynamic_batch,
            attention=attention,
            failures=failures,
            written=comparing.begin,
        ) as staged:
            for note in staged.notes:
                print(note)
            first, rows, rejected = _compared(task, comparing, truth, staged.paths)
            if first.broken:
                raise UserError(f"{model} cannot be exported: {first.broken}")
            verdicts = {
                name: verdict(task, FORMATS[name], row, limit=limit) for name, row in rows.items()
            }
            beyond = {name: each.rejected for name, each in verdicts.items() if each.rejected}
            forced = {name for name in beyond if force and not verdicts[name].is_broken}
            rejected |= {name: why for name, why in beyond.items() if name not in forced}
            staged.rejected |= set(rejected)
    rows = [dataclasses.replace(first, artefact=str(model))] + [
        dataclasses.replace(
            row,
            artefact=str(staged.paths[name]),
            remark=beyond[name] if name in forced else verdicts[name].remark,
            is_forced=name in forced,
        )
        for name, row in rows.items()
    ]
    Console().print(comparison_table(task, rows))
    places = {name: staged.paths.get(name, name) for name in (*failures, *rejected)}
    rejected |= {
        name: f"it cannot be written: {one_line(x)[:LONGEST]}" for name, x in failures.items()
    }
    compared_on = dict(data=source.name, images=len(pictures), seed=seed)
    compared_on |= dict(crop_ratio=seen.crop_ratio, interpolation=seen.interpolation, fit=seen.fit)
    compared_on["calibration_images"] = 0 if calibrating is None else len(calibrating)
    compared_on["limit"] = limit
    write_report(out / f"{staged.version}.json", task, rows, rejected, **compared_on)
    if "savedmodel" in staged.paths and "savedmodel" not in staged.rejected:
        print(f"Serve it:\n  {write_configurations(out)}")
    if not can_be_significant(len(pictures)):
        few = f"{len(pictures)} image{'s' * (len(pictures) > 1)}"
        print(f"keras-vit: on {few} no loss can be significant, and none rejects.", file=sys.stderr)
    for row in rows:
        if row.remark:
            print(f"keras-vit: {row.artefact} is kept: {row.remark}", file=sys.stderr)
    for name, why in rejected.items():
        print(f"keras-vit: {places[name]}: {why}", file=sys.stderr)
    return 1 if rejected else 0


def _compared(task, comparing, truth, paths):
    """Compares the exports that can be run.

    Args:
        task: The `keras_vit.tasks.Task`.
        comparing: The `Comparing`, whose first file is that of the model.
        truth: Truth of the images.
        paths: Paths of the exports, by the name of the format.

    Returns:
        The `Comparison` of the model's file; a dictionary of `Comparison`s by the name of the
        format; and a dictionary by that name of the reasons why others cannot be run.

    Raises:
        ValueError: If the model's file cannot be run.
    """
    failures = {}
    try:
        first, *others = comparing.finish(task, truth, failures=failures)
    except NoAnswer as error:
        raise UserError(str(error)) from error
    rows = dict(zip((name for name in paths if paths[name] not in failures), others, strict=True))
    return first, rows, {name: str(failures[paths[name]]) for name in paths if name not in rows}
