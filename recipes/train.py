"""The middle of every recipe: from a source and a backbone to a trained, delivered classifier."""

import dataclasses
import functools
import time
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from keras_vit.command_line import describe
from keras_vit.data import BrokenPictures, eval_batches, train_batches
from keras_vit.data.augment import mix
from keras_vit.export import prepare_folder
from keras_vit.tasks import classifier
from keras_vit.training import (
    Checkpoints,
    ReportBroken,
    Throughput,
    WarmupSchedule,
    WatchFinite,
    Workers,
    check_batch_size,
    choose_xla,
    explain_lost_workers,
    freeze,
    layerwise,
    log_gallery,
    per_worker,
    set_precision,
    strategy,
    training_model,
)
from recipes.deliver import deliver
from recipes.flags import OPTIMIZERS, check_flags, check_resumed

SHOWN = 64  # training images in TensorBoard's gallery, at most


def open_devices(config):
    """Opens the devices that a recipe's flags ask for.

    It comes first in a recipe: with several workers TensorFlow wants to know them before it
    computes anything.

    Args:
        config: A recipe's `recipes.flags.Training`.

    Returns:
        A `tf.distribute.Strategy`.
    """
    check_flags(config)
    workers = config.workers.split(",") if config.workers else None
    devices = strategy(config.device, worker=config.worker, workers=workers)
    check_batch_size(config.batch_size, devices, config.accumulation)
    return devices


def train(
    config,
    devices,
    source,
    build_backbone,
    *,
    augment,
    crop=None,
    eval_crop=None,
    callbacks=(),
    bigger,
):
    """Trains a classifier by cross-entropy, watched in TensorBoard, and delivers it.

    The test split is watched between epochs, as TensorBoard's "validation"; nothing is chosen by
    it. A run that was stopped goes on where its run directory holds a checkpoint.

    Args:
        config: A recipe's `recipes.flags.Training`.
        devices: What `open_devices` returned.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        build_backbone: From nothing to a backbone; called in the scope of the strategy.
        augment: As `keras_vit.data.train_batches` takes it.
        crop: Likewise.
        eval_crop: As `keras_vit.data.eval_batches` takes it.
        callbacks: Keras callbacks beside the usual ones.
        bigger: The command that trains something bigger, to name at the end.

    Returns:
        One `keras_vit.artefacts.Comparison` per artefact; `None` of every worker but the first.
    """
    workers = Workers(devices)
    if workers.is_chief:
        prepare_folder(config.export_dir)
        prepare_folder(config.run_dir)
    classes, broken = len(source.class_names), BrokenPictures()
    stream = _stream(config, source, crop=crop, augment=augment, broken=broken)
    images, labels = next(stream(worker=workers.index, workers=workers.count).as_numpy_iterator())
    broken.collect()  # these are for the gallery, and no epoch
    steps = source.splits["train"].count // config.batch_size
    checkpoints = _checkpoints(config, steps, devices)
    notes = checkpoints.notes
    log_dir = Path(config.run_dir, "logs", notes["logs"])
    for note in source.notes:
        print(note)
    print(
        f"Will train a Vision Transformer for {config.epochs} epochs, save it to {config.run_dir}, "
        f"export it to {config.export_dir}, reload the exports and compare them on the test split."
        f"\n{source}\n{describe(config)}"
    )

    def build():
        return classifier(build_backbone(), classes, class_names=source.class_names)

    model = _model(config, build, steps, devices)
    start = 0 if config.resume is False else checkpoints.restore(model)
    print(f"{model.count_params():,} parameters, {steps} steps an epoch; logs in {log_dir}.")
    if start:
        print(f"Going on after step {start:,} of {config.epochs * steps:,}.")
    elif workers.is_chief:
        log_gallery(log_dir, images[:SHOWN], labels[:SHOWN], source.class_names)
    if "jit_compile" not in notes:  # else the bits would differ
        part = config.batch_size // devices.num_replicas_in_sync
        notes["jit_compile"] = choose_xla(config.xla, model, (images[:part], labels[:part]))
    model.jit_compile = notes["jit_compile"]

    parts = devices.num_replicas_in_sync
    evaluation = eval_batches(
        source.splits["test"],
        batch_size=max(1, min(256, source.splits["test"].count) // parts) * parts,
        crop=eval_crop,
        broken=broken,
    )
    if config.resume is False and workers.is_chief:
        checkpoints.clear()  # only now, when nothing mistyped can stop the new run
    with warnings.catch_warnings(), explain_lost_workers(workers):
        # Keras warns of a test split whose length it cannot know: broken pictures are left out.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        model.fit(
            per_worker(functools.partial(stream, start_step=start), devices),
            epochs=config.epochs,
            initial_epoch=start // steps,
            steps_per_epoch=steps,
            validation_freq=config.validation_epochs,
            validation_data=evaluation.map(lambda x, y: (x, tf.one_hot(y, classes))),
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
        print(
            "Trained. To export and compare, give the same command with KERAS_BACKEND=tensorflow."
        )
        return None
    trained = build()  # of one device, in float32
    trained.set_weights(model.get_weights())
    config = dataclasses.replace(config, xla="on" if notes["jit_compile"] else "off")  # as chosen
    comparisons = deliver(trained, source, evaluation, config, log_dir, bigger=bigger)
    checkpoints.clear()
    return comparisons


def _stream(config, source, *, crop, augment, broken):
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
    )


def _model(config, build, steps, devices):
    """Builds the model that trains, on its devices and in its precision."""
    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)
    try:
        with devices.scope():
            plain = build()
            if config.freeze:
                print(f"{freeze(plain, config.freeze)} weights stay as they are.")
            model = training_model(plain)
            model.compile(
                _optimizer(config, steps, model),
                keras.losses.CategoricalCrossentropy(from_logits=True),
                metrics=["accuracy"],
                accumulation=config.accumulation,
                ema_warmup=True,
            )
    finally:
        set_precision("float32")
    return model


def _watch_finite(config):
    if keras.backend.backend() == "jax":
        return keras.callbacks.TerminateOnNaN(raise_error=True)
    return WatchFinite(stop=config.not_finite == "stop")


def _checkpoints(config, steps, devices):
    """Opens the run's checkpoints, and takes up its notes where there are any."""
    folder = Path(config.run_dir, "checkpoints")
    notes = {
        "logs": time.strftime("%Y%m%d-%H%M%S"),
        "flags": dataclasses.asdict(config),
    }
    checkpoints = Checkpoints(
        folder, steps_per_epoch=steps, every=config.save_every or None, notes=notes
    )
    found = None if config.resume is False else checkpoints.find(devices)
    if config.resume and found is None:
        raise ValueError(f"There is no checkpoint to go on with in {folder}.")
    if found is not None:
        check_resumed(config, found["flags"])
        checkpoints.notes = {name: found[name] for name in ("logs", "flags", "jit_compile")}
    return checkpoints


def _optimizer(config, steps, model):
    """Builds the optimizer; `steps` are an epoch's."""
    average = dict(use_ema=True, ema_momentum=config.ema) if config.ema else {}
    if config.optimizer != "sgd":
        average["beta_2"] = config.beta_2

    def build(factor):
        rate = WarmupSchedule(
            factor * config.learning_rate,
            total_steps=config.epochs * steps,
            warmup_steps=config.warmup_epochs * steps,
            decay=config.schedule,
            cooldown_steps=config.cooldown_epochs * steps,
        )
        return OPTIMIZERS[config.optimizer](
            rate,
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm or None,
            **average,
        )

    depth = sum(layer.name.startswith("block") for layer in model.layers)
    return layerwise(build, depth=depth, decay=config.layer_decay)
