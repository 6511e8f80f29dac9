"""Versions and machine, without names of people or hosts."""

import importlib.metadata
import os
import platform

from keras_vit.processor import processor

PACKAGES = ("keras-vit", "keras", "tensorflow", "jax", "numpy", "pillow")


def machine(device=""):
    """Describes what a figure was computed with.

    Args:
        device: What computed, for example `"CPU"`; may be empty.

    Returns:
        A dictionary of texts by what they are.
    """
    facts = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    facts["system"] = f"{platform.system()} on {platform.machine()}"
    facts["processor"] = f"{processor()}, {os.cpu_count()} cores"
    return facts | ({"computed on": device} if device else {})
