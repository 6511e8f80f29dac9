"""Random changes of images.

A *stage* is a function that takes images `(B, H, W, C)` and keys `(B,)`, uint64, and returns images
of the same shape and dtype. Each image depends only on its own key.
"""

from keras_vit.data.augment.aug_mix import aug_mix
from keras_vit.data.augment.auto_augment import CIFAR10_POLICY, IMAGENET_POLICY, auto_augment
from keras_vit.data.augment.chain import chain, layer_stage
from keras_vit.data.augment.colour_jitter import colour_jitter
from keras_vit.data.augment.erasing import random_erasing
from keras_vit.data.augment.geometry import random_affine, random_crop, random_flip
from keras_vit.data.augment.keys import example_keys, fold, uniform
from keras_vit.data.augment.mix import cutmix, mix, mixup
from keras_vit.data.augment.rand_augment import rand_augment
from keras_vit.data.augment.three_augment import three_augment
from keras_vit.data.augment.trivial_augment import trivial_augment

__all__ = [
    "CIFAR10_POLICY",
    "IMAGENET_POLICY",
    "aug_mix",
    "auto_augment",
    "chain",
    "colour_jitter",
    "cutmix",
    "example_keys",
    "fold",
    "layer_stage",
    "mix",
    "mixup",
    "rand_augment",
    "random_affine",
    "random_crop",
    "random_erasing",
    "random_flip",
    "three_augment",
    "trivial_augment",
    "uniform",
]
