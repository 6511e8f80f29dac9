"""The loss of distillation: labels on the one hand, a teacher's answers on the other."""

import keras
from keras import ops

from keras_vit.errors import UserError


class DistillationLoss(keras.losses.Loss):
    """Cross-entropy with the labels and with what a teacher answers, per image.

    "Training data-efficient image transformers" (arXiv:2012.12877, equations 2 and 3): with the
    share `s`, `(1 - s) * CE(labels) + s * t**2 * KL(teacher || student)`, both softened by the
    temperature `t` ("Distilling the Knowledge in a Neural Network", arXiv:1503.02531); or, with
    `hard`, `(1 - s) * CE(labels) + s * CE(the teacher's class)`. The first head of a student learns
    from the labels, the last one from the teacher; a student with one head from both with it.

    Targets are shares of the classes `(B, K)`. Outputs are logits `(B, A, K)`, as
    `keras_vit.tasks.taught` gives them: of one or two heads, then of the teacher. Where the
    teacher was asked before, its logits are in the targets `(B, 2, K)`, behind the shares, and not
    in the outputs.

    Args:
        hard: Whether only the teacher's most probable class is learned.
        share: What the teacher counts, from 0 to 1.
        temperature: By what logits are divided before the softmax, above 0; for `hard` it does not
            count.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, *, hard=False, share=0.5, temperature=1.0, name="distillation", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= share <= 1:
            raise UserError(f"`share` must lie in [0, 1]: received share={share}.")
        if not temperature > 0:
            raise UserError(f"`temperature` must be above 0: received {temperature}.")
        self.hard, self.share, self.temperature = hard, share, temperature

    def call(self, y_true, y_pred):
        labels, heads, teacher = _parts(y_true, y_pred)
        of_labels = keras.losses.categorical_crossentropy(labels, heads[:, 0], from_logits=True)
        student = heads[:, -1]
        if self.hard:
            named = ops.one_hot(ops.argmax(teacher, axis=-1), teacher.shape[-1])
            of_teacher = keras.losses.categorical_crossentropy(named, student, from_logits=True)
        else:
            # `log_softmax` on both sides: a probability of 0 has no logarithm.
            soft, own = (ops.log_softmax(x / self.temperature, -1) for x in (teacher, student))
            of_teacher = self.temperature**2 * ops.sum(ops.exp(soft) * (soft - own), axis=-1)
        return (1 - self.share) * of_labels + self.share * of_teacher


def accuracy(y_true, y_pred):
    """Says where the mean of a student's heads is right, `(B,)`; arguments as of the loss."""
    labels, heads, _ = _parts(y_true, y_pred)
    return _equal(ops.mean(heads, axis=1), labels)


def agreement(y_true, y_pred):
    """Says where the head that learns from a teacher agrees with it, `(B,)`."""
    _, heads, teacher = _parts(y_true, y_pred)
    return _equal(heads[:, -1], teacher)


def _parts(y_true, y_pred):
    """Returns the labels `(B, K)`, and the logits of the heads `(B, A, K)` and of the teacher."""
    if len(y_true.shape) == 3:
        return y_true[:, 0], y_pred, y_true[:, 1]
    return y_true, y_pred[:, :-1], y_pred[:, -1]


def _equal(one, other):
    return ops.cast(ops.equal(ops.argmax(one, -1), ops.argmax(other, -1)), "float32")
