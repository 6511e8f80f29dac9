"""Shared by all tests: two logical CPUs, the contract of every layer, a tiny classifier."""

import gc
import importlib
import json
import os
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What XLA compiles here runs for milliseconds: a third of the time to compile it is spared.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import keras
import numpy as np
import pytest
from gradients import gradients_of
from small_exports import (  # noqa: F401 - fixtures
    build_tiny_classifier,
    cats,
    doubler,
    leave_out_the_check_of_exports,
    streets,
    tiny,
)

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
USERS_OF_PROCESSES = ("keras_vit.evaluation.compare", "keras_vit.export.check_exports")
# Files whose tests take minutes run first: at the end, the other processes would only wait.
LONG = ("test_wheel", "test_jax", "test_workers", "test_guides", "test_detect_recipe")
CHECK_EXPORTS = ("test_check_exports.py", "test_dense.py", "test_product.py", "test_package.py")


# What is remembered of one run of the tests is not for the next, nor for the user.
os.environ["KERAS_VIT_HOME"] = (cache := tempfile.TemporaryDirectory()).name


def pytest_configure():
    if not ON_TENSORFLOW:
        return  # layers, models, tasks and interpret pass on other backends too
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # Graphs run here once or twice: a tenth of all time is spared. Commands in processes of their
    # own are optimised as ever.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # the libraries' objects, a million, are not looked through again


@pytest.fixture(autouse=True)
def fixed_seed(monkeypatch):
    """Sets the seeds of Python, NumPy and Keras.

    TensorFlow's, by which nothing here draws, would throw its kernels away before every test.
    """
    monkeypatch.setattr("keras_vit.progress.LONG", float("inf"))  # on a busy machine too
    with pytest.MonkeyPatch.context() as for_seeds:
        for_seeds.setattr("tensorflow.random.set_seed", lambda seed: None)
        keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Draws one row of each gallery for TensorBoard: Matplotlib takes seconds for eight."""
    if ON_TENSORFLOW:
        monkeypatch.setattr("keras_vit.run.training.SHOWN", 8)
        monkeypatch.setattr("keras_vit.run.shown_answers.EXPLAINED", 2)
        monkeypatch.setattr("keras_vit.run.watch.LOOKED", 2)


@pytest.fixture(autouse=True)
def few_processes(request, monkeypatch):
    """Saves processes of TensorFlow, each of which takes five seconds to start.

    Exports are checked and compared in this process, unless a test asks for `processes`; and they
    are checked only in `CHECK_EXPORTS`.
    """
    if not ON_TENSORFLOW:
        return
    from in_process import InProcess

    monkeypatch.setattr("keras_vit.evaluation.process.SECONDS", 0.01)
    monkeypatch.setattr("keras_vit.evaluation.forks.prepare", lambda: None)
    for user in USERS_OF_PROCESSES:
        monkeypatch.setattr(importlib.import_module(user), "Worker", InProcess)
    if request.path.name not in CHECK_EXPORTS:
        leave_out_the_check_of_exports(monkeypatch)


@pytest.fixture
def processes(few_processes, monkeypatch):
    """Gives exports a process each, as they have it outside of tests."""
    from keras_vit.evaluation.process import Worker

    for user in USERS_OF_PROCESSES:
        monkeypatch.setattr(importlib.import_module(user), "Worker", Worker)


@pytest.fixture(scope="module", autouse=True)
def young_garbage():
    """Collects before it is old: an iterator of Keras may wait as long as it has lived to go."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser():
    """The machine's own Chromium without a window, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra [browser] is missing")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("neither chromium nor google-chrome is installed")
    with playwright.sync_playwright() as started:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = started.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def check_layer(tmp_path):
    """Returns the contract: what every layer of ours must keep."""

    def check(layer_class, arguments, input_shape, no_gradient=()):
        inputs = np.random.default_rng(0).normal(size=input_shape).astype("float32")
        layer = layer_class(**arguments)
        symbolic = keras.Input(input_shape[1:])
        model = keras.Model(symbolic, layer(symbolic))
        for weight in layer.trainable_weights:  # away from zeros and ones, where gradients hide
            weight.assign_add(keras.random.normal(weight.shape, stddev=0.1))
        outputs = layer(inputs)

        text = json.dumps(layer.get_config())
        assert json.dumps(layer_class.from_config(json.loads(text)).get_config()) == text

        assert model.output_shape == (None, *outputs.shape[1:])

        half = layer_class(**arguments, dtype="mixed_bfloat16")
        assert half(inputs).dtype == "bfloat16"
        assert all(weight.dtype == "float32" for weight in half.trainable_weights)

        path = tmp_path / "layer.keras"
        model.save(path)
        reloaded = keras.saving.load_model(path)
        np.testing.assert_array_equal(reloaded(inputs), outputs)

        projection = keras.random.normal(outputs.shape)
        weights = layer.trainable_weights
        gradients = gradients_of(lambda: keras.ops.sum(layer(inputs) * projection), weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            assert gradient is not None, weight.path
            largest = np.abs(gradient).max()
            assert (largest > 1e-4) != (weight.path in no_gradient), (weight.path, largest)
        return layer

    return check


@pytest.fixture
def tiny_classifier():
    """An untrained classifier of 8x8 grey images into three named classes."""
    return build_tiny_classifier()
