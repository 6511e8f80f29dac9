"""The places of a map in a row, each with the point of the image that it looks at."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class Points(keras.layers.Layer):
    """Puts the places of maps `(B, h, w, C)` in a row, `(B, h * w, 3 + C)`; has no weights.

    The first three numbers of each are its point: `x` and `y` of the middle of the square that the
    place covers, in pixels from the top left corner of the image, and the side of this square, the
    stride. Rows of maps of several strides can be joined, and still say where they are. "FCOS"
    (arXiv:1904.01355), section 3.1, in whose words a place is a location.

    Args:
        stride: Side of the square that a place covers, in pixels.

    Raises:
        ValueError: If `stride` is not above 0.
    """

    def __init__(self, stride, **kwargs):
        super().__init__(**kwargs)
        if not stride > 0:
            raise UserError(f"`stride` must be above 0: received {stride}.")
        self.stride = stride

    def call(self, maps):
        _, rows, columns, channels = maps.shape
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        points = self.stride * np.stack([x + 0.5, y + 0.5, np.ones_like(x)], axis=-1)
        points = np.pad(points, [(0, 0), (0, channels)])[None]
        values = ops.reshape(maps, (-1, rows * columns, channels))
        values = ops.pad(values, [[0, 0], [0, 0], [points.shape[-1] - channels, 0]])
        return values + ops.convert_to_tensor(points, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}
