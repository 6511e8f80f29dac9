"""Which answer of a set learns which true box: the assignment of the lowest total cost."""

import numpy as np
from keras import ops
from scipy.optimize import linear_sum_assignment

from keras_vit.host import on_host

WORST = 1e6  # in place of a cost that is not finite, which no assignment could weigh


def match(costs, is_box):
    """Chooses a different answer for each true box, so that the sum of the costs is the lowest.

    "End-to-End Object Detection with Transformers" (arXiv:2005.12872), equation 1, by SciPy's
    Hungarian algorithm.

    Args:
        costs: What each answer would cost each box, float32 `(B, A, Q, M)`: for each of `A` sets
            of `Q` answers.
        is_box: Which of the `M` places hold a box, booleans `(B, M)`.

    Returns:
        The answer of each box, int32 `(B, A, M)`, without a gradient; -1 for a place without a box,
        and where a picture has more boxes than answers, for those that cost most.
    """
    shape = *costs.shape[:2], costs.shape[3]
    return on_host(_match, ops.stop_gradient(costs), is_box, shape=shape, dtype="int32")


def _match(costs, is_box):
    costs, is_box = np.asarray(costs), np.asarray(is_box)
    costs = np.where(np.isfinite(costs), costs, WORST)
    chosen = np.full((*costs.shape[:2], costs.shape[3]), -1, np.int32)
    for picture, places in enumerate(is_box):
        (boxes,) = places.nonzero()
        for depth in range(costs.shape[1]):
            answers, columns = linear_sum_assignment(costs[picture, depth][:, boxes])
            chosen[picture, depth, boxes[columns]] = answers
    return chosen
