"""The report of a run: what its training, its score and its exports have to say."""

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vit.command_line import this_command
from keras_vit.report import Curves, Report, Sheet, write_page
from keras_vit.run.compiled import schedule

FILE = "report.html"
OWN = "this model"  # its name among the baselines


def training_parts(config, source, history, devices, sheet, lengths, best=None, advice=()):
    """Collects what a training knows for the report.

    Args:
        config: A recipe's `Training`.
        source: The `keras_vit.data.Source` that it learned from.
        history: The `keras.callbacks.History` of all its epochs.
        devices: What `open_devices` returned.
        sheet: The arguments of `keras_vit.report.Sheet`: images and titles.
        lengths: Pairs of an epoch, from 0, and how many epochs the run had from there on.
        best: The `best` of `keras_vit.training.KeepBest`; `None` where nothing was chosen.
        advice: More sentences that a reader must know.

    Returns:
        Fields of `keras_vit.report.Report` by name.
    """
    notes, own = [], {}
    if "val" not in source.splits and config.validation_epochs <= config.epochs:
        notes = ["The pictures of test were watched in training; nothing was chosen by them."]
    elif best is not None:
        which = f"epoch {best['epoch']}" if best["epoch"] else "the start, before the first epoch,"
        notes = [f"The weights of {which} were kept: the best on the pictures of val."]
        own = {"val": best["figure"]}
    return dict(
        data=source.name,
        notes=[*notes, *advice],
        baselines={OWN: own},
        pictures={name: split.count for name, split in source.splits.items()},
        per_class={
            name: np.bincount(split.labels, minlength=len(source.class_names))
            for name, split in source.splits.items()
            if split.labels is not None
        },
        sheet=Sheet(*sheet),
        curves=Curves.of(
            history,
            every=config.validation_epochs,
            learning_rate=_rates(config, history.epoch, lengths, source.splits["train"].count),
            kept=best and best["epoch"],
            validated_on="val" if "val" in source.splits else "test",
        ),
        device=_names(devices),
    )


def _rates(config, epochs, lengths, count):
    """Lists the learning rate of the last step of each epoch, by the length of the run then."""
    steps = count // config.batch_size
    # A schedule counts from 0.
    ends = np.array([(epoch + 1) * steps - 1 for epoch in epochs])
    rates = np.zeros(len(ends))
    for first, length in lengths:
        later = ends >= first * steps
        rate = schedule(dataclasses.replace(config, epochs=length), steps)
        rates[later] = np.asarray(rate(ends[later]))
    return rates.tolist()


def write_run_report(task, config, judged, model, comparisons, baselines, parts):
    """Writes `report.html` into the run directory.

    Args:
        task: The `keras_vit.tasks.Task`.
        config: A recipe's `Training`.
        judged: The `keras_vit.run.judge.Judged` of the split `test`.
        model: Path of the model's file.
        comparisons: `keras_vit.evaluation.Comparison`s; may be empty.
        baselines: Headlines of simpler models, by their name and that of the split.
        parts: Further fields of `keras_vit.report.Report` by name, as `training_parts` has them.

    Returns:
        The path of the file.

    Raises:
        OSError: If the file cannot be written.
    """
    words, count = this_command(), len(judged.images)
    at_random = ", drawn at random" if count < judged.result.count else ""
    fields = dataclasses.fields(config)
    headline, value = judged.result.headline
    own = parts.get("baselines", {}).get(OWN, {}) if task.watched == headline else {}
    if own or baselines:
        own = {**own, "test": value}
    parts = {**parts, "baselines": {**({OWN: own} if own else {}), **baselines}}
    known = dict(
        task=task,
        model=str(model),
        data=Path(model).stem,
        split="test",
        result=judged.result,
        worst=judged.worst,
        comparisons=comparisons,
        compared_on=f"{count:,} pictures of test{at_random}",
        settings=dataclasses.asdict(config),
        defaults={
            each.name: each.default for each in fields if each.default is not dataclasses.MISSING
        },
        commands=[("Trains it again:", shlex.join(words))] if words else [],
    )
    path = Path(config.run_dir, FILE)
    write_page(path, Report(**known | parts))
    return path


def _names(devices):
    """Names what computes, for example `2 GPU (NVIDIA H200)`."""
    with devices.scope():
        kind = tf.DeviceSpec.from_string(tf.zeros([]).device).device_type
    found = tf.config.list_physical_devices(kind) if kind == "GPU" else []
    details = {tf.config.experimental.get_device_details(each).get("device_name") for each in found}
    names = ", ".join(sorted(filter(None, details)))
    return f"{devices.num_replicas_in_sync} {kind}{f' ({names})' if names else ''}"
