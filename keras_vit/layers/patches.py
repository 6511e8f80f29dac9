"""Images to patches and back: the one file that knows the order of pixels."""

import numbers

import keras
from keras import ops

from keras_vit.errors import UserError


def patch_grid(image_size, patch_size):
    """Counts the patches of an image `(H, W)` as `(rows, columns)`.

    Args:
        image_size: Height and width in pixels.
        patch_size: Side of a square patch, in pixels.

    Returns:
        `(H // P, W // P)`.

    Raises:
        ValueError: If `patch_size` is below 1 or does not divide both sides, or a side is no
            integer.
    """
    height, width = image_size
    if not (isinstance(height, numbers.Integral) and isinstance(width, numbers.Integral)):
        raise UserError(f"Patches need a fixed image size: received {height}x{width}.")
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise UserError(
            "`patch_size` must divide the image: "
            f"received patch_size={patch_size}, image {height}x{width}."
        )
    return height // patch_size, width // patch_size


def patchify(images, patch_size):
    """Cuts images `(B, H, W, C)` into flat patches `(B, N, P*P*C)`, row-major.

    Patches follow each other row by row, and so do the pixels inside a patch, channels last.
    A dense layer on the result equals a convolution of stride `P` whose kernel `(P, P, C, D)`
    is reshaped to `(P*P*C, D)`.

    Args:
        images: Tensor of fixed height, width and channels.
        patch_size: Side of a square patch, in pixels; divides `H` and `W`.

    Returns:
        The patches, in the dtype of the images.

    Raises:
        ValueError: If `patch_size` does not divide the image, or its size is not fixed.
    """
    _, height, width, channels = images.shape
    rows, columns = patch_grid((height, width), patch_size)
    x = ops.reshape(images, (-1, rows, patch_size, columns, patch_size, channels))  # B h p w q C
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # B h w p q C
    return ops.reshape(x, (-1, rows * columns, patch_size * patch_size * channels))


def unpatchify(patches, image_size, patch_size):
    """Puts flat patches `(B, N, P*P*C)` back into images `(B, H, W, C)`; the inverse of `patchify`.

    Args:
        patches: Tensor as `patchify` returns it.
        image_size: Height and width of the images, in pixels.
        patch_size: Side of a square patch, in pixels.

    Returns:
        The images, in the dtype of the patches.

    Raises:
        ValueError: If `patch_size` does not divide the image, or the patches do not fill it.
    """
    rows, columns = patch_grid(image_size, patch_size)
    _, count, length = patches.shape
    if count != rows * columns or length % patch_size**2:
        raise UserError(
            f"Patches must fill the image: received {count} patches of {length} numbers for "
            f"an image {image_size[0]}x{image_size[1]} with patch_size={patch_size}."
        )
    channels = length // patch_size**2
    x = ops.reshape(patches, (-1, rows, columns, patch_size, patch_size, channels))  # B h w p q C
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # B h p w q C
    return ops.reshape(x, (-1, rows * patch_size, columns * patch_size, channels))


@keras.saving.register_keras_serializable("keras_vit")
class Patches(keras.layers.Layer):
    """Cuts images `(B, H, W, C)` into flat patches `(B, N, P*P*C)`, row-major; has no weights.

    Args:
        patch_size: Side of a square patch, in pixels; must divide the image.

    Raises:
        ValueError: If `patch_size` does not divide the image.
    """

    def __init__(self, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def call(self, images):
        return patchify(images, self.patch_size)


@keras.saving.register_keras_serializable("keras_vit")
class PixelShuffle(keras.layers.Layer):
    """Turns maps `(B, h, w, P*P*C)` into images `(B, h*P, w*P, C)`; has no weights.

    Each place holds the pixels of its patch, as `unpatchify` reads them ("Real-Time Single Image
    and Video Super-Resolution", arXiv:1609.05158, equation 4).

    Args:
        patch_size: Side of a square patch, in pixels.

    Raises:
        ValueError: If its square does not divide the numbers of a place.
    """

    def __init__(self, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def call(self, maps):
        _, rows, columns, numbers = maps.shape
        size = rows * self.patch_size, columns * self.patch_size
        return unpatchify(ops.reshape(maps, (-1, rows * columns, numbers)), size, self.patch_size)
