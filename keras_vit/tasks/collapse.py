"""Metrics that show whether a training by views collapses: all pictures answered alike."""

import keras
from keras import ops

from keras_vit.tasks.sigreg import prediction


class Prediction(keras.metrics.MeanMetricWrapper):
    """The part of LeJEPA's loss that compares views, see `keras_vit.tasks.sigreg.prediction`.

    Args:
        width: Numbers of an embedding.
        count: Number of large views.
    """

    def __init__(self, width, count):
        super().__init__(lambda y_true, y_pred: prediction(y_pred[..., :width], count), "distance")


class Spread(keras.metrics.Metric):
    """The mean standard deviation of the numbers of an embedding, over pictures and views.

    It is 1 where they are a standard Gaussian, and 0 where all embeddings are alike.

    Args:
        width: Numbers of an embedding `E`; outputs are `(B, V, E + M)`.
    """

    def __init__(self, width, name="embedding_spread"):
        super().__init__(name=name, dtype="float32")
        self.width = width
        sums = dict(shape=(width,), initializer="zeros")
        self.total = self.add_weight(name="total", **sums)
        self.squares = self.add_weight(name="squares", **sums)
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        rows = ops.reshape(y_pred[..., : self.width], (-1, self.width))
        self.total.assign_add(ops.sum(rows, axis=0))
        self.squares.assign_add(ops.sum(ops.square(rows), axis=0))
        self.count.assign_add(ops.cast(ops.shape(rows)[0], "float32"))

    def result(self):
        mean, squares = (ops.divide_no_nan(each, self.count) for each in (self.total, self.squares))
        return ops.mean(ops.sqrt(ops.maximum(squares - ops.square(mean), 0)))
