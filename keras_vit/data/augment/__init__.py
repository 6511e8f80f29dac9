"""Random changes of images: stages from images `(B, H, W, C)` and keys `(B,)` to images."""

from keras_vit.data.augment.chain import chain
from keras_vit.data.augment.geometry import random_affine, random_crop, random_flip
from keras_vit.data.augment.keys import example_keys, fold, uniform

__all__ = [
    "chain",
    "example_keys",
    "fold",
    "random_affine",
    "random_crop",
    "random_flip",
    "uniform",
]
