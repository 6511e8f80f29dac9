"""The loss of LeJEPA: views agree, and their embeddings are a standard Gaussian."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError

LARGEST, KNOTS = 3.0, 17  # of the integral, as in the paper's code


def epps_pulley(projections):
    """Measures how far each column of `(..., N, M)` is from a standard normal distribution.

    "A test for normality based on the empirical characteristic function" (Epps and Pulley, 1983):
    The integral of `|f(t) - g(t)|^2 g(t)`, where `f` is the characteristic function of the `N`
    numbers and `g(t) = exp(-t^2/2)` that of the distribution. The trapezoidal rule on 17 points of
    `[0, 3]`, doubled, as the code of LeJEPA (arXiv:2511.08544) has it.

    Args:
        projections: The numbers.

    Returns:
        Distances `(..., M)`; for numbers that are drawn from that distribution they fall as `1/N`.
    """
    points = np.linspace(0, LARGEST, KNOTS)
    weights = np.full(KNOTS, 2 * points[1])
    weights[[0, -1]] /= 2
    normal = np.exp(-(points**2) / 2)
    total = 0.0
    # Point by point: all at once would need memory for `KNOTS` times the numbers.
    for point, weight, expected in zip(points, weights * normal, normal, strict=True):
        real = ops.mean(ops.cos(point * projections), axis=-2) - expected
        imaginary = ops.mean(ops.sin(point * projections), axis=-2)
        total += weight * (ops.square(real) + ops.square(imaginary))
    return total


@keras.saving.register_keras_serializable("keras_vit")
class SIGRegLoss(keras.losses.Loss):
    """`(1 - s) * prediction + s * SIGReg`, per picture.

    "LeJEPA" (arXiv:2511.08544, equation 7): the prediction is the squared distance of each view's
    embedding from the mean of those of the large views, as the authors' code, a mean over the
    numbers of an embedding; SIGReg is the mean of `epps_pulley` over views and directions, times
    the number of pictures of a group.

    SIGReg is a statistic of `together` pictures. A batch is the mean of such groups, so that it
    means the same on one device and on several, and in micro-batches: each of them must hold whole
    groups, which a training checks.

    Targets are not read. Outputs `(B, V, E + M)` are those of `keras_vit.tasks.sketched_views`.

    Args:
        width: Numbers of an embedding `E`.
        count: Number of large views, the first.
        share: What SIGReg counts, from 0 to 1.
        together: Pictures of a group; a batch of an evaluation that is no multiple of it is one
            group.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, width, *, together, count=2, share=0.02, name="sigreg", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= share <= 1:
            raise UserError(f"`share` must lie in [0, 1]: received share={share}.")
        if together < 2:
            raise UserError(f"`together` must be at least 2: received together={together}.")
        self.width, self.count, self.share, self.together = width, count, share, together

    def call(self, y_true, y_pred):
        embeddings, projections = y_pred[..., : self.width], y_pred[..., self.width :]
        batch = y_pred.shape[0] or ops.shape(y_pred)[0]
        if isinstance(batch, int):
            group = batch if batch % self.together else self.together
        else:
            group = ops.where(batch % self.together, batch, self.together)
        views, directions = projections.shape[1:]
        groups = ops.reshape(projections, (-1, group, views * directions))
        size = ops.cast(group, groups.dtype)
        statistics = size * ops.mean(epps_pulley(groups), axis=-1)  # of each group
        regular = ops.broadcast_to(statistics[:, None], ops.shape(groups)[:2])
        return (1 - self.share) * prediction(embeddings, self.count) + self.share * ops.reshape(
            regular, (-1,)
        )

    def get_config(self):
        own = dict(width=self.width, count=self.count, share=self.share, together=self.together)
        return {**super().get_config(), **own}


def prediction(embeddings, count):
    """Returns how far views are from the mean of the first ones, per picture.

    Args:
        embeddings: Numbers `(B, V, E)`.
        count: How many views the mean is of.

    Returns:
        Mean squared distances `(B,)`.
    """
    middle = ops.mean(embeddings[:, :count], axis=1, keepdims=True)
    return ops.mean(ops.square(embeddings - middle), axis=(1, 2))
