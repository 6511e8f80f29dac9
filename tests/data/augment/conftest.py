"""What the tests of augmentation share: images, keys, and Pillow's operations as references."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from keras_vit.data.augment import example_keys

AFFINE, BILINEAR = Image.Transform.AFFINE, Image.Resampling.BILINEAR


def keys_of(count, seed=0):
    return example_keys(seed, tf.range(count, dtype=tf.int64))


def to_pillow(image):
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def affine(matrix):
    def change(image, amount, fill):
        fill = (fill,) * len(image.getbands()) if image.mode == "RGB" else fill
        return image.transform(image.size, AFFINE, matrix(amount), BILINEAR, fillcolor=fill)

    return change


PILLOW = {
    "autocontrast": lambda image, _, fill: ImageOps.autocontrast(image),
    "equalize": lambda image, _, fill: ImageOps.equalize(image),
    "invert": lambda image, _, fill: ImageOps.invert(image),
    "identity": lambda image, _, fill: image,
    "posterize": lambda image, amount, fill: ImageOps.posterize(image, int(amount)),
    "solarize": lambda image, amount, fill: ImageOps.solarize(image, amount),
    "solarize_add": lambda image, amount, fill: image.point(
        [min(255, value + int(amount)) if value < 128 else value for value in range(256)]
        * len(image.getbands())
    ),
    "saturation": lambda image, amount, fill: ImageEnhance.Color(image).enhance(amount),
    "contrast": lambda image, amount, fill: ImageEnhance.Contrast(image).enhance(amount),
    "brightness": lambda image, amount, fill: ImageEnhance.Brightness(image).enhance(amount),
    "sharpness": lambda image, amount, fill: ImageEnhance.Sharpness(image).enhance(amount),
    "rotate": lambda image, amount, fill: image.rotate(
        amount, BILINEAR, fillcolor=(fill,) * 3 if image.mode == "RGB" else fill
    ),
    "shear_x": affine(lambda factor: (1, factor, 0, 0, 1, 0)),
    "shear_y": affine(lambda factor: (1, 0, 0, factor, 1, 0)),
    "translate_x": affine(lambda pixels: (1, 0, pixels, 0, 1, 0)),
    "translate_y": affine(lambda pixels: (1, 0, 0, 0, 1, pixels)),
}


@pytest.fixture(scope="session")
def keys():
    return keys_of


@pytest.fixture(scope="session")
def pillow():
    """Changes a batch `(B, H, W, C)` with Pillow, by one amount per image."""

    def change(name, images, amounts, fill=128):
        changed = [
            np.asarray(PILLOW[name](to_pillow(image), float(amount), fill)).reshape(image.shape)
            for image, amount in zip(images, amounts, strict=True)
        ]
        return np.stack(changed)

    return change


@pytest.fixture(scope="session")
def picture():
    """One colourful image `(1, 32, 40, 3)` with soft shapes and some noise, from 20 to 220."""
    rng = np.random.default_rng(0)
    coarse = tf.image.resize(rng.uniform(20, 220, (1, 5, 6, 3)), (32, 40)).numpy()
    return (coarse + rng.uniform(-12, 12, coarse.shape)).clip(20, 220).astype("uint8")


@pytest.fixture(scope="session")
def shares():
    """Counts which candidate each image of a batch is: the share of each, which must sum to 1.

    Interpolation may differ by 2 and on the border of what lay outside the image.
    """

    def count(images, candidates):
        images = np.asarray(images).astype("int16")
        near = [(np.abs(images - each) <= 2).mean((1, 2, 3)) for each in candidates]
        near = np.stack(near, axis=1)  # B candidates
        assert near.max(1).min() > 0.9, "an image that is none of the candidates"
        return np.bincount(near.argmax(1), minlength=len(candidates)) / len(images)

    return count
