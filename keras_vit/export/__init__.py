"""Writes a trained `keras.Model` as files: Keras' own, and those that servers and phones load."""

import sys
import types

from keras_vit.export.formats import FORMATS, check_formats
from keras_vit.export.keras_file import save_keras
from keras_vit.export.prepare import prepare_folder
from keras_vit.export.tf_serving import write_configurations
from keras_vit.export.version_folder import export, stage, versions

__all__ = [
    "FORMATS",
    "check_formats",
    "export",
    "prepare_folder",
    "save_keras",
    "stage",
    "versions",
    "write_configurations",
]


class _Callable(types.ModuleType):
    """A module that can be called: `keras_vit.export(model, folder)`, whoever imported it first."""

    def __call__(self, *args, **kwargs):
        """Exports a model, as the function `export` does."""
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
