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


class TeacherEntropy(keras.metrics.MeanMetricWrapper):
    """The mean entropy of a teacher's answers, in nats: 0 where each is one prototype.

    Args:
        count: Number of answers of the teacher, the last along the second axis of the outputs.
    """

    def __init__(self, count):
        def entropies(y_true, y_pred):
            return ops.mean(_entropy(y_pred[:, -count:]), axis=-1)

        super().__init__(entropies, "teacher_entropy")


class Information(keras.metrics.Metric):
    """How much a teacher's answer tells of the picture, in nats, from 0 to `ln K`.

    The entropy of the mean answer less the mean entropy of an answer: 0 where all pictures are
    answered alike, whether evenly or by one prototype.

    Args:
        count: As `TeacherEntropy` takes it.
        prototypes: Numbers of an answer `K`.
    """

    def __init__(self, count, prototypes, name="information"):
        super().__init__(name=name, dtype="float32")
        self.number = count
        self.total = self.add_weight(name="total", shape=(prototypes,), initializer="zeros")
        self.entropy = self.add_weight(name="entropy", shape=(), initializer="zeros")
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        answers = y_pred[:, -self.number :]
        self.total.assign_add(ops.sum(answers, axis=(0, 1)))
        self.entropy.assign_add(ops.sum(_entropy(answers)))
        self.count.assign_add(ops.cast(ops.shape(answers)[0] * self.number, "float32"))

    def result(self):
        mean, entropy = (ops.divide_no_nan(x, self.count) for x in (self.total, self.entropy))
        return _entropy(mean) - entropy


def _entropy(shares):
    return -ops.sum(shares * ops.log(ops.maximum(shares, 1e-30)), axis=-1)
