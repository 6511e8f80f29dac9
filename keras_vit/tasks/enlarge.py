"""Super-resolution: a model from small pictures to larger ones."""

from fractions import Fraction

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic_matrix
from keras_vit.layers import TokenMap
from keras_vit.models import encode
from keras_vit.tasks.pixel_head import written_pixels


def enlarger(config, *, scale, dropout=0.0, drop_path=0.0):
    """Builds a model from images `(B, h, w, C)` to enlarged ones `(B, scale*h, scale*w, C)`.

    The idea of "SwinIR" (arXiv:2108.10257), small: a convolution makes a token of each pixel, the
    blocks attend within windows, a convolution joins what they found with its beginning, and
    another writes `scale * scale` pixels for each token, which are added to the bicubic
    enlargement. Before it is trained, the model is that enlargement. No weight depends on the size
    of the images: a model of another size takes them as they are.

    Args:
        config: A `keras_vit.models.ViTConfig` with a `patch_size` of 1, and a `window`.
        scale: By how much the sides of a picture grow, an integer from 2.
        dropout: Rate after every dense layer of a block.
        drop_path: Rate of stochastic depth in the last block, as `vit` takes it.

    Returns:
        A `keras.Model` named `"enlarger"`, whose images and answers have pixels from 0 to 255; the
        answers are float32 and may lie a little beyond.

    Raises:
        ValueError: If `scale` is no integer from 2, or a token of the configuration is no pixel.
    """
    if int(scale) != scale or scale < 2:
        raise UserError(f"`scale` must be an integer from 2: received scale={scale}.")
    if config.patch_size != 1 or config.window is None:
        raise UserError(
            "Enlarging needs patch_size=1 and a `window`: "
            f"received patch_size={config.patch_size}, window={config.window}."
        )
    rows, columns = config.grid
    images = keras.Input((rows, columns, config.channels), name="images")
    x = keras.layers.Rescaling(1 / 127.5, -1, dtype="float32", name="pixels")(images)
    shallow = keras.layers.Conv2D(config.width, 3, padding="same", name="shallow")(x)
    x = keras.layers.Reshape((rows * columns, config.width), name="tokens")(shallow)
    x = encode(x, config, dropout=dropout, drop_path=drop_path)
    x = TokenMap(config.grid, name="map")(x)
    x = keras.layers.Conv2D(config.width, 3, padding="same", name="deep")(x)
    x = keras.layers.Add(name="joined")([shallow, x])
    x = written_pixels(x, scale, config.channels)  # from zero: the first answer is bicubic
    smooth = BicubicEnlargement(scale, dtype="float32", name="bicubic")(images)
    x = keras.layers.Add(dtype="float32", name="enlarged")([smooth, x])
    return keras.Model(images, x, name="enlarger")


@keras.saving.register_keras_serializable("keras_vit")
class BicubicEnlargement(keras.layers.Layer):
    """Enlarges images `(B, h, w, C)` as `keras_vit.images.bicubic.bicubic` does; has no weights.

    Args:
        scale: By how much the sides grow, an integer.
        **kwargs: Further arguments of `keras.layers.Layer`.
    """

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def compute_output_shape(self, shape):
        return (shape[0], self.scale * shape[1], self.scale * shape[2], shape[3])

    def call(self, images):
        for equation, axis in (("bhwc,nh->bnwc", 1), ("bhwc,nw->bhnc", 2)):
            matrix = bicubic_matrix(images.shape[axis], Fraction(self.scale))
            images = ops.einsum(equation, images, ops.cast(matrix, images.dtype))
        return images
