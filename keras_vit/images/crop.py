"""One picture file to the pixels a model takes."""

import numpy as np
from PIL import Image

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture


def read_image(picture, image_shape, *, crop_ratio=1.0, interpolation="bicubic", formats=None):
    """Reads a picture as `(H, W, C)`, uint8, 0 to 255, upright.

    It is resized, antialiased, to cover `H / crop_ratio` by `W / crop_ratio`, and the middle is
    cropped, as `graph_crop.cut_middle` does it. A grey picture serves a model of three channels;
    colour is never turned into grey. Alpha is dropped, 16 bits become 8.

    Args:
        picture: A path, or the bytes, of a picture that Pillow reads.
        image_shape: `(H, W, C)` of the model.
        crop_ratio: Share of the short side that is kept, in `(0, 1]`.
        interpolation: `"bicubic"` or `"bilinear"`.
        formats: As `keras_vit.images.decode.decode_picture` takes it.

    Returns:
        The pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If `decode_picture` refuses it, or it has more channels than
            the model takes.
    """
    height, width, channels = image_shape
    pixels = decode_picture(picture, formats)
    if channels not in (1, 3):
        raise UserError(f"Picture files hold 1 or 3 channels: the model takes {channels}.")
    if channels == 1 and pixels.shape[2] == 3:
        if (pixels != pixels[..., :1]).any():
            name = "the picture" if isinstance(picture, bytes) else picture
            raise UserError(f"The model takes 1 channel: {name} has 3 (RGB).")
        pixels = pixels[..., :1]
    elif channels == 3:
        pixels = np.repeat(pixels, 3 // pixels.shape[2], axis=2)
    return _cut_middle(pixels, (height, width), crop_ratio, interpolation)


def _cut_middle(pixels, size, ratio, interpolation):
    size, old = np.array(size), np.array(pixels.shape[:2])
    covered = np.floor(size / ratio).astype(int)
    binding = np.argmax(covered / old)  # the side that becomes what must be covered
    new = np.maximum(covered, covered[binding] * old // old[binding])
    if (new != old).any():
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
        image = image.resize((new[1], new[0]), Image.Resampling[interpolation.upper()])
        pixels = np.asarray(image).reshape(*new, pixels.shape[2])
    top, left = np.round((new - size) / 2).astype(int)
    return pixels[top : top + size[0], left : left + size[1]]
