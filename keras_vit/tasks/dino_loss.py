"""The loss of DINO: what a teacher answers to one view, a student must answer to the others."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class DinoLoss(keras.losses.Loss):
    """Cross-entropy between the answers to different views, per picture.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294, equations 2 and
    3): the mean over each pair of a large view, which the teacher answers, and another view, large
    or small, which the student does.

    Targets are not read. Outputs `(B, V + G, K)` are those of
    `keras_vit.tasks.self_distilled_views`.

    Args:
        count: Number of large views `G`, the first of the student's.
        temperature: By what the student's logits are divided, above 0.

    Raises:
        ValueError: If the temperature is not above 0.
    """

    def __init__(self, *, count=2, temperature=0.1, name="dino", **kwargs):
        super().__init__(name=name, **kwargs)
        if not temperature > 0:
            raise UserError(f"`temperature` must be above 0: received {temperature}.")
        self.count, self.temperature = count, temperature

    def call(self, y_true, y_pred):
        student, teacher = y_pred[:, : -self.count], y_pred[:, -self.count :]
        logs = ops.log_softmax(student / self.temperature, axis=-1)
        pairs = -ops.matmul(teacher, ops.swapaxes(logs, 1, 2))  # B G V
        others = 1 - np.eye(self.count, student.shape[1], dtype="float32")
        return ops.sum(pairs * others, axis=(1, 2)) / others.sum()

    def get_config(self):
        own = dict(count=self.count, temperature=self.temperature)
        return {**super().get_config(), **own}
