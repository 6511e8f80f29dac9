"""The middle of every recipe: trains a model for a task on a source, and delivers it."""

import dataclasses
import functools
import sys
import uuid
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_vit.data import BrokenPictures, fitted_preprocessing
from keras_vit.data.labels import explain_labels
from keras_vit.export import check_formats, prepare_folder
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run.baselines import advice, start_from_probe
from keras_vit.run.compared_exports import EXPORTED
from keras_vit.run.compiled import compiled_model
from keras_vit.run.deliver import deliver
from keras_vit.run.flags import Training
from keras_vit.run.gallery import first_of, titled
from keras_vit.run.kept import best_of, copied, keep_weights
from keras_vit.run.report import training_parts
from keras_vit.run.run_state import (
    is_finished,
    mark_finished,
    open_checkpoints,
    unmark_finished,
)
from keras_vit.run.settings import announce, write_settings
from keras_vit.run.splits import run_splits
from keras_vit.run.stored_answers import StoredAnswers
from keras_vit.run.streams import evaluation_batches, training_stream
from keras_vit.run.watch import WatchScore, tensorboard_callbacks
from keras_vit.tasks import Task
from keras_vit.training import (
    FirstStep,
    ReportBroken,
    Throughput,
    WatchFinite,
    WatchLoss,
    Workers,
    choose_xla,
    explain_lost_workers,
    log_gallery,
    per_worker,
)

SHOWN = 24  # largest number of training images in TensorBoard's gallery


def train(
    config: Training,
    devices,
    source,
    build: Callable[[tuple[str, ...]], keras.Model],
    *,
    task: Task,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    preprocessing: Preprocessing | None = None,
    validation: Preprocessing | None = None,
    adapt: Callable[[keras.Model], object] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    bigger: Sequence[str] = (),
    from_probe: bool = False,
    answers: StoredAnswers | None = None,
):
    """Trains a model for a task, with logs for TensorBoard, and delivers it.

    Between epochs the model is evaluated on the split `val`, TensorBoard's "validation"; where
    there is none, a part of the training examples serves as one. Its figure chooses the best epoch,
    whose weights are exported, and scored once on the split `test`. With `config.val_fraction` 0
    the test split is watched and nothing is chosen by it: the last epoch's weights are exported.

    If the run directory holds a checkpoint, the run goes on from it, to more epochs than before
    where more are asked for; a run that is finished is left as it is.

    Args:
        config: A recipe's `Training`.
        devices: What `open_devices` returned.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        build: Called with the names of the task's `K` classes, returns a new graph that trains,
            such as `keras_vit.tasks.classifier`; called once more for the model that is saved.
        task: The `keras_vit.tasks.Task`, such as
            `keras_vit.tasks.classification(source.class_names)`.
        augment: A stage of `keras_vit.data.augment`: changes a batch of samples by keys `(B,)`.
        crop: Decodes and crops the picture of a sample by a key `()`, as
            `keras_vit.data.inception_crop` does. Only encoded pictures need it.
        preprocessing: How evaluation prepares encoded pictures, with an `image_size`; it is saved
            with the model. A set in memory needs none: its images are used whole.
        validation: How the evaluations between epochs prepare encoded pictures, where the graph
            that trains takes smaller images than the one that is deployed; by default as
            `preprocessing` does.
        adapt: Called with the model before it is trained, to change it, for example
            `keras_vit.training.add_lora`, whose additions are merged into the saved weights.
        callbacks: Keras callbacks besides the usual ones.
        bigger: Words of a command that trains a bigger model, to print at the end.
        from_probe: Whether nearest neighbours and a linear probe on the features of the new graph
            are judged first, and its layer `head` begins as that probe. The best epoch may then
            be the beginning.
        answers: What a teacher answers, which is then part of the targets: see
            `keras_vit.run.stored_answers`. What is missing is computed first.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, empty without exports; `None` in
        every worker except the first, on the JAX backend, and where the run was finished before.

    Raises:
        ValueError: If there are no labels, if a split is missing, empty or smaller than a batch, if
            a label is no class, or if the run directory holds a run that had other flags or data.
        FloatingPointError: If the training diverges.
        ConnectionError: If another worker is lost.
        OSError: If a file cannot be read or written.
    """
    source = run_splits(config, source, task)
    steps = source.splits["train"].count // config.batch_size
    workers = Workers(devices)
    with explain_lost_workers(workers), explain_labels(), FirstStep() as first_step:
        if workers.is_chief:
            if config.export:
                check_formats(EXPORTED)  # before the training, not after it
                prepare_folder(config.export_dir)
            prepare_folder(config.run_dir)
        preprocessing = fitted_preprocessing(source.splits["test"], preprocessing)
        broken = BrokenPictures()
        job = workers.broadcast(uuid.uuid4().bytes).hex()  # one name for this start of the run
        stream = training_stream(
            config, source, task, crop=crop, augment=augment, broken=broken, job=job
        )
        best = best_of(config, task)
        kept = [best] if "val" in source.splits else []
        checkpoints = open_checkpoints(config, source, steps, devices, callbacks=kept)
        if config.resume is not False and workers.largest(int(is_finished(config))):
            print(
                f"The run in {config.run_dir} is finished and was left as it is. To go on, pass "
                f"more --epochs than {config.epochs}; to begin anew, --no-resume or another "
                "--run-dir; keras-vit export writes its exports again."
            )
            return None
        notes = checkpoints.notes
        log_dir = Path(config.run_dir, "logs", notes["logs"])
        announce(config, source)
        if workers.is_chief:
            write_settings(config)

        model = compiled_model(
            config, lambda: build(task.class_names), steps, devices, task=task, adapt=adapt
        )
        start = 0 if config.resume is False else checkpoints.restore(model)
        print(f"{model.count_params():,} parameters, {steps} steps an epoch; logs in {log_dir}.")
        parts = devices.num_replicas_in_sync
        evaluated = functools.partial(evaluation_batches, task, model, parts=parts, broken=broken)
        chosen_on = source.splits.get("val", source.splits["test"])
        watched = chosen_on, validation or preprocessing
        answered = validated = evaluated(*watched)
        if answers is not None:
            numbered = evaluated(*watched, numbered=True)
            stream, validated = answers.beside(config, source, stream, numbered, task.target)
        elif task.learned is not None:
            validated = answered.map(task.learned)
        sample = stream(worker=workers.index, workers=workers.count, job=f"{job} gallery")
        batch = next(sample.as_numpy_iterator())
        broken.collect()  # clears those of the gallery, which belong to no epoch
        shown = titled(task, *first_of(batch, SHOWN))
        if start:  # a resumed run keeps its choice of XLA, and so its bits
            print(f"Going on after step {start:,} of {config.epochs * steps:,}.")
        else:
            if workers.is_chief:
                log_gallery(log_dir, *shown)
            part = config.batch_size // parts
            notes["jit_compile"] = choose_xla(
                config.xla, model, first_of(batch, part), steps=config.epochs * steps
            )
        model.jit_compile = notes["jit_compile"]

        if workers.is_chief:
            unmark_finished(config)
            if config.resume is False:
                checkpoints.clear()  # only now: a mistake in the flags would have ended the new run
        at = dict(steps_per_epoch=steps, first_step=start)
        boards = tensorboard_callbacks(config, task, evaluated, *watched, log_dir, **at)
        with warnings.catch_warnings():
            # Keras warns if the test split is shorter than expected: broken pictures are left out.
            warnings.filterwarnings("ignore", "Your input ran out of data")
            if from_probe and not start:
                plain = copied(build(task.class_names), model)
                how = dict(seed=config.seed, workers=workers)
                notes["baselines"] = start_from_probe(model, plain, source, preprocessing, **how)
                for callback in kept:
                    callback.set_model(model)
                    found = model.evaluate(validated, return_dict=True, verbose=0)
                    callback.consider(0, found[callback.metric])
            history = model.fit(
                per_worker(functools.partial(stream, start_step=start), devices),
                epochs=config.epochs,
                initial_epoch=start // steps,
                steps_per_epoch=steps,
                validation_freq=config.validation_epochs,
                validation_data=validated,
                callbacks=[
                    *callbacks,
                    _watch_finite(config),
                    first_step,
                    Throughput(config.batch_size),
                    *([WatchScore(task, answered)] if task.is_watched_by_score else []),
                    *([ReportBroken(broken)] if crop else []),
                    *(boards if workers.is_chief else []),
                    *kept,
                    checkpoints,
                ],
                shuffle=False,  # the pipeline has shuffled; Keras warns otherwise
                # A bar that moves on a terminal, and elsewhere a line an epoch.
                verbose=(1 if sys.stdout.isatty() else 2) if workers.is_chief else 0,
            )
        if not workers.is_chief:
            return None
        if keras.backend.backend() == "jax":
            print("Trained. To export and compare, run it again with KERAS_BACKEND=tensorflow.")
            return None
        chosen = dataclasses.replace(config, xla="on" if notes["jit_compile"] else "off")
        trained, name = keep_weights(config, task, build, model, best, preprocessing)
        simpler = notes.get("baselines", {})
        said = advice(simpler, best.best)
        print(*said, sep="\n", end="\n" if said else "")
        comparisons = deliver(
            task,
            trained,
            name,
            evaluated(source.splits["test"], preprocessing),
            chosen,
            log_dir,
            preprocessing=preprocessing,
            bigger=bigger,
            count=source.splits["test"].count,
            baselines=simpler,
            report=training_parts(
                config, source, history, devices, shown, notes["lengths"], best.best, said
            ),
        )
        mark_finished(config)
        return comparisons


def _watch_finite(config):
    is_jax = keras.backend.backend() == "jax"
    return WatchLoss() if is_jax else WatchFinite(stop=config.not_finite == "stop")
