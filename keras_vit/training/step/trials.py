"""Trials of XLA, remembered per model, versions and machine in the user's cache folder."""

import hashlib
import json
import math
import os
import platform
import sys

import keras
import tensorflow as tf
from keras import tree

from keras_vit.files import cache_folder, write_json
from keras_vit.keras_private import all_layers
from keras_vit.processor import processor

NUMBERS = {"with_xla", "without", "compiling"}  # seconds


def trial_key(model, batch):
    """Returns what a trial's result depends on, as a short text.

    That is the architecture (kinds, options, weights and precision of the layers), the shapes and
    dtypes of a batch and its micro-batches, the versions of TensorFlow and Keras, and the machine:
    processor, cores and devices.

    Args:
        model: A compiled `TrainingModel`.
        batch: One replica's part of a batch: images `(B, H, W, C)` and labels `(B, ...)`.
    """
    facts = {
        "layers": [_description(layer) for layer in all_layers(model)],
        "batch": [f"{part.dtype} {tuple(part.shape)}" for part in tree.flatten(batch)],
        "accumulation": model.accumulation,
        "versions": [tf.__version__, keras.__version__, platform.python_version()],
        "machine": [processor(), os.cpu_count(), sorted(_devices())],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def read_trial(key):
    """Returns the seconds of a remembered trial by name, a dictionary; empty if there is none.

    A file that cannot be read is named and ignored.

    Args:
        key: What `trial_key` returns.
    """
    path = _path(key)
    try:
        trial = json.loads(path.read_text(encoding="utf-8"))
        numbers = {name: float(seconds) for name, seconds in trial.items()}
        if numbers.keys() not in ({"without"}, NUMBERS):
            raise ValueError("it is no trial.")
        if not all(0 <= seconds < math.inf for seconds in numbers.values()):
            raise ValueError("it holds other numbers than seconds.")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        print(f"keras-vit: {path} is no trial of XLA and is ignored: {error}", file=sys.stderr)
        return {}
    return numbers


def write_trial(key, **seconds):
    """Remembers a trial; where that cannot be, a note says so.

    Args:
        key: What `trial_key` returns.
        **seconds: `without`, and where XLA was tried `with_xla` and `compiling`.
    """
    try:
        write_json(_path(key), seconds)
    except OSError as error:
        print(f"keras-vit: the trial of XLA is not remembered: {error}", file=sys.stderr)


def _path(key):
    return cache_folder("xla") / f"{key}.json"


def _description(layer):
    try:
        config = layer.get_config()
    except Exception:  # other people's layers raise errors of any class
        config = {}
    plain = {x: y for x, y in config.items() if isinstance(y, bool | int | float | str)}
    plain.pop("name", None)  # it may count the models of a process
    weights = [[list(weight.shape), weight.trainable] for weight in layer.weights]
    return [type(layer).__name__, layer.compute_dtype, plain, weights]


def _devices():
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device) or {}
        yield f"{device.device_type} {details.get('device_name', '')}"
