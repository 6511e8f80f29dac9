"""Describes the machine and the versions that a figure was measured with."""

import os
import platform
from pathlib import Path

import keras
import tensorflow as tf


def machine():
    """Returns one line: processor, cores, and the versions of Python, TensorFlow and Keras."""
    return (
        f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.processor() or platform.machine()
