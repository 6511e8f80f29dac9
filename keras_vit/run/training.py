"""The middle of every recipe: a source and a backbone become a trained, delivered classifier."""

import dataclasses
import functools
import uuid
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from keras_vit.command_line import describe
from keras_vit.data import BrokenPictures, fitted_batches, fitted_preprocessing, train_batches
from keras_vit.data.augment import mix
from keras_vit.data.labels import explain_labels, one_hot
from keras_vit.errors import UserError
from keras_vit.export import check_formats, prepare_folder
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run.compiled import compiled_model
from keras_vit.run.deliver import EXPORTED, deliver
from keras_vit.run.flags import Training
from keras_vit.run.run_state import open_checkpoints
from keras_vit.training import (
    ReportBroken,
    Throughput,
    WatchFinite,
    WatchLoss,
    Workers,
    check_batch_size,
    choose_xla,
    copy_merged,
    explain_lost_workers,
    log_gallery,
    per_worker,
    strategy,
)

SHOWN = 64  # training images in TensorBoard's gallery, at most


def open_devices(config):
    """Opens the devices that a recipe's flags ask for.

    Call it first in a recipe: TensorFlow must know all workers before it computes anything.

    Args:
        config: A recipe's `Training`.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: If a flag is wrong, or the devices are not there.
    """
    config.check()
    workers = config.workers.split(",") if config.workers else None
    devices = strategy(config.device, worker=config.worker, workers=workers)
    check_batch_size(config.batch_size, devices, config.accumulation)
    if keras.backend.backend() == "jax" and config.not_finite == "skip":
        raise UserError("The JAX backend skips no step: received not_finite='skip'.")
    return devices


def train(
    config: Training,
    devices,
    source,
    build: Callable[[tuple[str, ...]], keras.Model],
    *,
    augment: Callable | None = None,
    crop: Callable | None = None,
    preprocessing: Preprocessing | None = None,
    adapt: Callable[[keras.Model], object] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    bigger: Sequence[str] = (),
):
    """Trains a classifier by cross-entropy, watched in TensorBoard, and delivers it.

    The test split is watched between epochs, as TensorBoard's "validation"; nothing is chosen by
    it. A run that was stopped goes on where its run directory holds a checkpoint.

    Args:
        config: A recipe's `Training`.
        devices: What `open_devices` returned.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        build: A function of the names of the classes that returns a model from images to logits;
            called in the scope of the strategy, and again for what is saved.
        augment: As `keras_vit.data.train_batches` takes it.
        crop: As `keras_vit.data.train_batches` takes it.
        preprocessing: What evaluation does to encoded pictures, with an `image_size`; it is saved
            with the model. A set in memory needs none: its images are seen whole.
        adapt: A function of the model that is trained, such as `keras_vit.training.add_lora`; what
            it adds is merged into what is saved.
        callbacks: Keras callbacks beside the usual ones.
        bigger: Words of the command that trains something bigger, to name at the end.

    Returns:
        One `keras_vit.evaluation.Comparison` per exported file; `None` of every worker except the
        first, and on the JAX backend.

    Raises:
        ValueError: If a split is missing, empty or smaller than a batch, or the run directory holds
            a run that had other flags or other data.
        FloatingPointError: If the training diverges.
    """
    steps = _steps(config, source)
    workers = Workers(devices)
    with explain_lost_workers(workers), explain_labels():
        if workers.is_chief:
            check_formats(EXPORTED)  # now, and not after the training
            prepare_folder(config.export_dir)
            prepare_folder(config.run_dir)
        preprocessing = fitted_preprocessing(source.splits["test"], preprocessing)
        broken = BrokenPictures()
        job = workers.broadcast(uuid.uuid4().bytes).hex()  # one name for this start of the run
        stream = _stream(config, source, crop=crop, augment=augment, broken=broken, job=job)
        sample = stream(worker=workers.index, workers=workers.count, job=f"{job} gallery")
        batch = next(sample.as_numpy_iterator())
        broken.collect()  # these are for the gallery, and no epoch
        checkpoints = open_checkpoints(config, source, steps, devices)
        notes = checkpoints.notes
        log_dir = Path(config.run_dir, "logs", notes["logs"])
        _announce(config, source)

        model = compiled_model(
            config, lambda: build(source.class_names), steps, devices, adapt=adapt
        )
        start = 0 if config.resume is False else checkpoints.restore(model)
        print(f"{model.count_params():,} parameters, {steps} steps an epoch; logs in {log_dir}.")
        if start:
            print(f"Going on after step {start:,} of {config.epochs * steps:,}.")
        elif workers.is_chief:
            log_gallery(log_dir, *(part[:SHOWN] for part in batch), source.class_names)
        parts = devices.num_replicas_in_sync
        if "jit_compile" not in notes:  # else the bits would differ
            part = config.batch_size // parts
            notes["jit_compile"] = choose_xla(config.xla, model, tuple(x[:part] for x in batch))
        model.jit_compile = notes["jit_compile"]

        evaluation = fitted_batches(
            source.splits["test"],
            preprocessing,
            batch_size=max(1, min(256, source.splits["test"].count) // parts) * parts,
            broken=broken,
        )
        if config.resume is False and workers.is_chief:
            checkpoints.clear()  # only now, when nothing mistyped can stop the new run
        with warnings.catch_warnings():
            # Keras warns of a test split whose length it cannot know: broken pictures are left out.
            warnings.filterwarnings("ignore", "Your input ran out of data")
            model.fit(
                per_worker(functools.partial(stream, start_step=start), devices),
                epochs=config.epochs,
                initial_epoch=start // steps,
                steps_per_epoch=steps,
                validation_freq=config.validation_epochs,
                validation_data=evaluation.map(
                    lambda x, y: (x, one_hot(y, len(source.class_names)))
                ),
                callbacks=[
                    *callbacks,
                    _watch_finite(config),
                    Throughput(config.batch_size),
                    *([ReportBroken(broken)] if crop else []),
                    *([keras.callbacks.TensorBoard(log_dir)] if workers.is_chief else []),
                    checkpoints,
                ],
                shuffle=False,  # the pipeline has shuffled; Keras warns otherwise
                verbose="auto" if workers.is_chief else 0,
            )
        if not workers.is_chief:
            return None
        if keras.backend.backend() == "jax":
            print("Trained. To export and compare, run it again with KERAS_BACKEND=tensorflow.")
            return None
        trained = build(source.class_names)  # of one device, in float32
        copy_merged(model, trained)
        chosen = dataclasses.replace(config, xla="on" if notes["jit_compile"] else "off")
        comparisons = deliver(
            trained,
            source,
            evaluation,
            chosen,
            log_dir,
            preprocessing=preprocessing,
            bigger=bigger,
        )
        checkpoints.clear()
        return comparisons


def _steps(config, source):
    """Returns the steps of an epoch; raises a `ValueError` if the splits make none."""
    for name in ("train", "test"):
        if name not in source.splits or not source.splits[name].count:
            raise UserError(f"A recipe needs pictures in the split {name}: {source.name} has none.")
    count = source.splits["train"].count
    if config.batch_size > count:
        raise UserError(
            f"`batch_size` must be at most the {count:,} training examples: "
            f"received batch_size={config.batch_size}."
        )
    return count // config.batch_size


def _announce(config, source):
    """Prints what will happen."""
    for note in source.notes:
        print(note)
    print(
        f"Will train a Vision Transformer for {config.epochs} epochs, save it to {config.run_dir}, "
        f"export it to {config.export_dir}, reload the exports and compare them on the test split."
        f"\n{source}\n{describe(config)}"
    )


def _stream(config, source, *, crop, augment, broken, job):
    """Returns a function of `worker`, `workers` and `start_step` that opens the training data."""
    return functools.partial(
        train_batches,
        source.splits["train"],
        batch_size=config.batch_size,
        seed=config.seed,
        crop=crop,
        augment=augment,
        mix=functools.partial(
            mix,
            num_classes=len(source.class_names),
            mixup=config.mixup,
            cutmix=config.cutmix,
            rate=config.mix_rate,
            smoothing=config.label_smoothing,
        ),
        repeats=config.repeats,
        broken=broken,
        service=config.data_service or None,
        job=job,
    )


def _watch_finite(config):
    if keras.backend.backend() == "jax":
        return WatchLoss()
    return WatchFinite(stop=config.not_finite == "stop")
