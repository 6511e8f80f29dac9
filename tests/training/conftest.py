"""Shared by the tests of training."""

import gc
import itertools

import keras
import pytest

RUN = itertools.count(1)


@pytest.fixture
def free_memory():
    """Compiled steps are large, and in cycles that Python does not hurry to collect."""
    yield
    if next(RUN) % 8 == 0:  # to collect takes seconds
        keras.utils.clear_session()
        gc.collect()


@pytest.fixture
def float64():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
