"""What of an error is shown, and that a mistake stays one through Keras and AutoGraph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.errors import UserError, one_line, reason_of


@pytest.mark.parametrize(
    "error, reason",
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 1000), "x" * 300),
        (TypeError("No.\n\nconfig={'a': 1}.\n\nException encountered: Why."), "Why."),
        (
            ValueError(
                "Exception encountered when calling Patches.call().\n\n"
                "\x1b[1m5 must divide 8.\x1b[0m\n\nArguments received:\n  • images"
            ),
            "5 must divide 8.",
        ),
    ],
)
def test_the_line_that_tells_is_found(error, reason):
    assert reason_of(error) == reason


def refuse(*_, **__):
    raise UserError("`rate` must lie in [0, 1): received 3.")


class RefusesInCall(keras.layers.Layer):
    def call(self, x):
        refuse()

    def compute_output_shape(self, shape):
        return shape


class RefusesSymbols(keras.layers.Layer):
    def call(self, x):
        refuse()


class RefusesInBuild(keras.layers.Layer):
    def build(self, shape):
        refuse()

    def call(self, x):
        return x


class RefusesInTraining(keras.layers.Layer):
    def call(self, x, training=None):
        return refuse() if training else x


def fit():
    model = keras.Sequential([keras.Input((2,)), RefusesInTraining()])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 2)), np.ones((2, 2)), verbose=0)


@pytest.mark.parametrize(
    "run",
    [
        lambda: RefusesInCall()(np.ones((1, 2))),
        lambda: RefusesInBuild()(np.ones((1, 2))),
        lambda: keras.Sequential([keras.Input((2,)), RefusesSymbols()]),
        lambda: keras.Sequential([keras.Input((2,)), RefusesInBuild()]),
        lambda: keras.Sequential([keras.Input((2,)), keras.Sequential([RefusesSymbols()])]),
        lambda: tf.function(refuse)(1),
        lambda: tf.data.Dataset.range(3).map(refuse),
    ],
)
def test_a_mistake_stays_one_line_however_deep_it_is_raised(run):
    with pytest.raises(UserError) as caught:
        run()
    assert one_line(caught.value) == "`rate` must lie in [0, 1): received 3."


@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`")
def test_a_mistake_stays_one_line_in_the_middle_of_fit():
    with pytest.raises(UserError) as caught:
        fit()
    assert one_line(caught.value) == "`rate` must lie in [0, 1): received 3."


def test_a_long_message_is_shown_whole():
    assert one_line(UserError("word\n" * 200)) == " ".join(["word"] * 200)
