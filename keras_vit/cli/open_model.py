"""Opens the model of a command as a Keras model."""

import sys
from pathlib import Path

import numpy as np

from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError


def recognise_checkpoint(path):
    """Recognises a checkpoint, and prints what its configuration asks for and is not done.

    Args:
        path: A checkpoint or a `.keras` file of ours.

    Returns:
        A `keras_vit.checkpoints.recognise.RecognisedCheckpoint`.

    Raises:
        ValueError: If `keras_vit.checkpoints.recognise` refuses it.
    """
    with quiet_stderr():
        from keras_vit.checkpoints import recognise
    checkpoint = recognise(path)
    for note in checkpoint.notes:
        print(f"keras-vit: {path}: not done as its configuration says: {note}", file=sys.stderr)
    return checkpoint


def read_own(path):
    """Reads a `.keras` file.

    Args:
        path: The file, of any model.

    Returns:
        A `keras.Model`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    with quiet_stderr():
        from keras_vit.tasks.keras_file import open_keras_file
    return open_keras_file(path)


def open_to_explain(path):
    """Opens a model as it is, with a head or without, in float32.

    Args:
        path: A `.keras` file, of any model, or a checkpoint as `keras_vit.load` takes it.

    Returns:
        A `keras.Model`, and the `Preprocessing` of its pictures.

    Raises:
        FileNotFoundError: If there is no such `.keras` file.
        ValueError: If it cannot be read, or holds weights that are not finite.
    """
    with quiet_stderr():
        from keras_vit.checkpoints import load
        from keras_vit.export.servable import in_float32
        from keras_vit.tasks import preprocessing_of
    if Path(path).suffix != ".keras":
        checkpoint = recognise_checkpoint(path)
        return load(checkpoint), checkpoint.preprocessing
    model = read_own(path)
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise UserError(f"{path} holds weights that are NaN or infinite.")
    return in_float32(model), preprocessing_of(model)


def open_exportable(path):
    """Opens a `.keras` file or a checkpoint as a Keras model that computes in float32.

    Args:
        path: A `.keras` file, of ours or of any model that `keras_vit.tasks.deploy` takes, or a
            checkpoint as `keras_vit.load` takes it; one without a head answers with features.

    Returns:
        A `keras.Model`.

    Raises:
        FileNotFoundError: If there is no such `.keras` file.
        ValueError: If it cannot be read or cannot be deployed.
    """
    with quiet_stderr():
        from keras_vit.checkpoints import architecture_of, load
        from keras_vit.export.servable import in_float32
        from keras_vit.tasks import answering, deploy
        from keras_vit.tasks.deployed import remember_preprocessing
    if Path(path).suffix != ".keras":
        checkpoint = recognise_checkpoint(path)
        opened = load(checkpoint)
        if not checkpoint.architecture.num_classes:  # it answers with features
            opened = answering(opened.input, {"features": opened.output}, "embedding")
            remember_preprocessing(opened, checkpoint.preprocessing)
        return opened
    model = read_own(path)
    try:
        deploy(model)
    except UserError as error:
        raise UserError(f"{path} cannot be exported: {error}") from error
    if isinstance(model.output, dict):  # named answers are deployed as they are
        return in_float32(model)
    try:
        architecture_of(model)
    except UserError:  # not built by keras_vit
        return in_float32(model)
    return load(path)
