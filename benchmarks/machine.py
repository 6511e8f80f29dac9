"""Describes the machine and the versions that a figure was measured with."""

import os
import platform

import keras
import tensorflow as tf

from keras_vit.processor import processor


def machine():
    """Returns one line: processor, cores, and the versions of Python, TensorFlow and Keras."""
    return (
        f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
