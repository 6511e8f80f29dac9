"""What `import keras_vit` gives, each in a process of its own."""

import os
import pkgutil
import subprocess
import sys
import textwrap

import pytest

import keras_vit
from keras_vit.export import save_keras, stage

NAMES = ["ViTConfig", "__version__", "classifier", "export", "features", "load", "vit"]


def run(script, *words, **environment):
    """Runs Python lines in a new process."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_imports_neither_keras_nor_numpy():
    run(
        """
        import sys
        import keras_vit
        loaded = {"keras", "tensorflow", "numpy", "keras_vit.layers"} & sys.modules.keys()
        assert not loaded, loaded
        assert {"vit", "models", "export", "__version__"} <= set(dir(keras_vit))
        assert keras_vit.__version__[0].isdecimal()
        """
    )


def test_an_uninstalled_package_has_a_version():
    out = run(
        """
        import importlib.metadata
        def version(name):
            raise importlib.metadata.PackageNotFoundError(name)
        importlib.metadata.version = version
        import keras_vit
        print(keras_vit.__version__)
        """
    )
    assert out == "0+unknown\n"


def test_every_name_and_every_submodule_answers():
    assert sorted(keras_vit.__all__) == sorted(NAMES)
    modules = {module.name for module in pkgutil.iter_modules(keras_vit.__path__)}
    assert {"models", "export", "training"} <= modules
    for name in (*NAMES, *modules):
        assert name in dir(keras_vit)
        assert getattr(keras_vit, name) is not None
    assert keras_vit.models.vit is keras_vit.vit
    with pytest.raises(AttributeError, match="module 'keras_vit' has no attribute 'vitt'"):
        keras_vit.vitt  # noqa: B018
    namespace = {}
    exec("from keras_vit import *", namespace)
    assert set(NAMES) <= namespace.keys()


def test_export_is_a_module_and_a_function(tiny_classifier, tmp_path):
    """Here the module came first."""
    assert keras_vit.export.stage is stage
    keras_vit.export(tiny_classifier, tmp_path / "tiny", to=("tflite",))
    assert (tmp_path / "tiny" / "1.tflite").is_file()


@pytest.mark.slow
def test_one_import_is_enough(tiny_classifier, tmp_path):
    """Keras loads our files, the function `export` may come first, and `load` reads both kinds."""
    save_keras(tiny_classifier, tmp_path / "tiny.keras")
    keras_vit.checkpoints.export_timm(tiny_classifier, tmp_path / "tiny.safetensors")
    run(
        """
        import sys
        from pathlib import Path
        import keras
        import keras_vit

        def refuse(export):
            try:
                export(model, folder / "once", to=("neither",))
            except ValueError as error:
                assert "received neither" in str(error)
            else:
                raise AssertionError

        folder = Path(sys.argv[1])
        model = keras.saving.load_model(folder / "tiny.keras")
        assert keras_vit.load(folder / "tiny.safetensors").output_shape == (None, 3)
        assert keras_vit.load(folder / "tiny.keras").output_shape == (None, 3)
        assert keras_vit.models.ViTConfig is keras_vit.ViTConfig
        keras_vit.export(model, folder / "once", to=("tflite",))
        import keras_vit.export
        refuse(keras_vit.export)
        from keras_vit.export import stage
        from keras_vit import export
        refuse(export)
        import keras_vit.export as again
        assert again.stage is keras_vit.export.stage is stage
        """,
        tmp_path,
    )
    assert (tmp_path / "once" / "1.tflite").exists()


@pytest.mark.slow
def test_load_needs_nothing_before_it(tiny_classifier, tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed (extra [jax])")
    save_keras(tiny_classifier, tmp_path / "tiny.keras")
    run(
        """
        import sys
        import keras_vit
        assert keras_vit.load(sys.argv[1]).output_shape == (None, 3)
        assert "tensorflow" not in sys.modules
        """,
        tmp_path / "tiny.keras",
        KERAS_BACKEND="jax",  # starts in a third of the time
    )
