"""What follows an update: here a teacher's average of a kernel."""

import keras
import numpy as np
import pytest
from replicas import batches, cross_entropy, examples, perceptron, strategy_of

from keras_vit.training import TrainingModel

MOMENTUM = 0.9


class Teacher(keras.layers.Layer):
    """Passes its input on, and holds an average that is no part of the forward pass."""

    def build(self, shape):
        self.average = self.add_weight(shape=(5, 4), initializer="zeros", trainable=False)

    def call(self, x):
        return x


def move_teacher(model):
    teacher, student = model.get_layer("teacher"), model.layers[1]
    average = MOMENTUM * teacher.average + (1 - MOMENTUM) * student.kernel
    teacher.average.assign(average)


class Recorded(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.kernels = []

    def on_train_batch_end(self, batch, logs=None):
        self.kernels.append(keras.ops.convert_to_numpy(self.model.layers[1].kernel))


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_teacher_follows_each_update_on_all_replicas_alike(replicas, jit_compile):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(TrainingModel, Teacher(name="teacher"))
        model.compile(
            keras.optimizers.SGD(0.5),
            cross_entropy(),
            after_update=move_teacher,
            jit_compile=jit_compile,
        )
    recorded = Recorded()
    data = batches(*examples(40), 8)
    model.fit(data, steps_per_epoch=4, epochs=1, verbose=0, shuffle=False, callbacks=[recorded])
    expected = np.zeros((5, 4))
    for kernel in recorded.kernels:
        expected = MOMENTUM * expected + (1 - MOMENTUM) * kernel
    average = keras.ops.convert_to_numpy(model.get_layer("teacher").average)
    np.testing.assert_allclose(average, expected, rtol=1e-5)
    assert np.abs(average).max() > 0
