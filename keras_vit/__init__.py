"""Vision Transformers in Keras 3 on TensorFlow, from images on disk to a served model.

    import keras_vit

    model = keras_vit.classifier(keras_vit.vit("S/16"), 10)
    model = keras_vit.load("model.safetensors")
    keras_vit.export(model, "saved_models/mine")

`import keras_vit` itself imports neither Keras nor TensorFlow: each name loads its module when it
is first used.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_vit.checkpoints import load
    from keras_vit.export import export
    from keras_vit.models import ViTConfig, vit
    from keras_vit.tasks import classifier, features

    __version__: str

__all__ = ["ViTConfig", "__version__", "classifier", "export", "features", "load", "vit"]

# `export` is a module that can be called: `keras_vit.export(model, folder)` and
# `from keras_vit.export import stage` work in any order.
_MODULE_OF = {
    "ViTConfig": "models",
    "classifier": "tasks",
    "features": "tasks",
    "load": "checkpoints",
    "vit": "models",
}


def __getattr__(name):
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif name == "__version__":
        value = _version()
    elif name in _modules():
        return importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_modules()})


def _modules():
    """Returns the names of the package's modules."""
    import pkgutil

    return {module.name for module in pkgutil.iter_modules(__path__)}


def _version():
    """Returns the version of the installed package, "0+unknown" where it is not installed."""
    import importlib.metadata

    try:
        return importlib.metadata.version("keras-vit")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


# Keras loads a model only where its layers are known. Whoever has imported Keras before, as sorted
# imports do, may use `keras.saving.load_model` on our files; `keras_vit.load` always knows them.
if sys.modules.get("keras") is not None:
    importlib.import_module("keras_vit.tasks")
