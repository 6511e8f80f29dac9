"""Keras' private names stand in one file, and the installed Keras has them all."""

import ast
import importlib
from pathlib import Path

import keras
import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "keras_vit"
ONLY = PACKAGE / "keras_private.py"


KERAS = (
    keras.Layer,
    keras.Loss,
    keras.Metric,
    keras.callbacks.Callback,
    keras.constraints.Constraint,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
)


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def of_keras():
    """Collects the private names of what Keras gives out, with what it sets when it is used."""
    inputs = keras.Input((2,))
    dense = keras.layers.Dense(1)
    model = keras.Model(inputs, dense(inputs))
    model.compile(keras.optimizers.SGD(use_ema=True, momentum=0.9), "mse", metrics=["mae"])
    callbacks = [
        keras.callbacks.ModelCheckpoint("unused.keras", save_freq=9),
        keras.callbacks.EarlyStopping("loss"),
    ]
    data = np.zeros((2, 2)), np.zeros((2, 1))
    model.fit(*data, validation_data=data, verbose=0, callbacks=callbacks)
    model.optimizer.build(model.trainable_variables)
    things = [
        model,
        model._compile_loss,
        dense,
        model.optimizer,
        keras.losses.MeanSquaredError(),
        *callbacks,
    ]
    things += [model.history, *model.metrics, model.trainable_variables[0], inputs]
    names = {name for thing in things for name in {*dir(thing), *vars(thing)}}
    epochs = keras.src.trainers.epoch_iterator.EpochIterator
    return {name for name in names | set(dir(epochs)) | {"_keras_mask"} if is_private(name)}


def names_in(path):
    """Lists what a file names that may be private to Keras: attributes, strings and methods.

    What a class that is not Keras' calls its own is its own.
    """
    relative = path.relative_to(PACKAGE.parent).with_suffix("")
    module = importlib.import_module(".".join(relative.parts).removesuffix(".__init__"))
    tree = ast.parse(path.read_text("utf-8"))
    own = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not issubclass(getattr(module, node.name), KERAS):
            own |= set(ast.walk(node))
    for node in ast.walk(tree):
        is_self = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
        if isinstance(node, ast.Attribute) and not (is_self and node in own):
            yield node.attr
        elif isinstance(node, ast.ClassDef) and node not in own:
            yield from (each.name for each in node.body if isinstance(each, ast.FunctionDef))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.fixture(scope="module")
def private():
    return of_keras()


@pytest.mark.parametrize(
    "path", sorted(set(PACKAGE.rglob("*.py")) - {ONLY}), ids=lambda path: "/".join(path.parts[-2:])
)
def test_no_other_file_names_what_is_private_to_keras(path, private):
    assert private.isdisjoint(names_in(path)), path


def test_the_installed_keras_has_them_all(private):
    asked = set(filter(is_private, names_in(ONLY)))
    assert len(asked) > 15 and "_enumerate_iterator" in asked
    assert asked <= private
