"""Checks exports before they become a version, each in a process of its own."""

import contextlib
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.evaluation.difference import broken, differences, is_decision
from keras_vit.evaluation.process import ON_CPU, NoAnswer, Worker
from keras_vit.export.formats import FORMATS
from keras_vit.export.limits import differs
from keras_vit.export.servable import in_float32
from keras_vit.tasks import deploy, task_named

IMAGES = 4  # of random pixels


def check_exports(model, paths):
    """Loads each export in a process of its own and compares its answers with the model's.

    Args:
        model: The model, as `keras_vit.export.stage` takes it.
        paths: Paths of the exports, by the name of the format.

    Raises:
        ValueError: If the model or an export answers something that is not a finite number, if an
            export cannot be loaded or run, or if, in a format that stores the weights unchanged, an
            answer differs from the model's.
    """
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *model.input_shape[1:]))
    with tf.device("CPU"):  # whose float32 is that of the processes
        deployed = deploy(in_float32(model))
        answers = deployed(images.astype("float32"))
        reference = {name: keras.ops.convert_to_numpy(x) for name, x in answers.items()}
    if not all(np.isfinite(array).all() for array in reference.values()):
        raise UserError(
            "The model answers random images with something that is not a finite number."
        )
    comparable = _comparable(deployed)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        images_file, answers_file = Path(folder, "images.npy"), Path(folder, "answers.npz")
        np.save(images_file, images.astype("uint8"))
        workers = {
            name: stack.enter_context(Worker(path, environment=ON_CPU))
            for name, path in paths.items()
        }
        for name, worker in workers.items():
            try:
                answers = worker.answer(images_file, answers_file)
            except NoAnswer as error:
                raise UserError(f"What was written as {name} cannot be used: {error}") from error
            pair = comparable(answers), comparable(reference)
            if why := broken(*pair) or _differs(FORMATS[name], *pair):
                raise UserError(f"What was written as {name} cannot be used: {why}")


def _comparable(deployed):
    """Returns what a task of the package compares answers by; of others, the answers themselves."""
    try:
        task = task_named(deployed.task, deployed.class_names or ("0",), deployed.options)
    except UserError:
        task = None
    return getattr(task, "comparable", None) or (lambda answers: answers)


def _differs(format, answers, reference):
    """Says which answer differs where the weights are unchanged, in a sentence, or nothing."""
    if format.largest_loss is not None:
        return ""
    for name, difference in differences(answers, reference).items():
        decided = is_decision(reference[name])
        how_far = (0.0, difference) if decided else (difference, 0.0)
        if why := differs(*how_far, reference[name].size, answer=f"the answer {name}"):
            return why
    return ""
