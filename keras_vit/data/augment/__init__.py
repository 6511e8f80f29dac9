"""Random changes of images, and of the masks and boxes that belong to them.

A *stage* is a function that takes a batch and keys `(B,)`, uint64, and returns the changed batch.
The batch is images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`. Each
example depends only on its own key.
"""

from keras_vit.data.augment.aug_mix import aug_mix
from keras_vit.data.augment.auto_augment import CIFAR10_POLICY, IMAGENET_POLICY, auto_augment
from keras_vit.data.augment.chain import as_one, chain, layer_stage
from keras_vit.data.augment.colour_jitter import colour_jitter
from keras_vit.data.augment.crops import (
    fitted,
    random_place_crop,
    random_resized_crop,
    random_scale_crop,
)
from keras_vit.data.augment.erasing import random_erasing
from keras_vit.data.augment.geometry import random_affine, random_crop, random_flip, random_turn
from keras_vit.data.augment.keys import example_keys, fold, uniform
from keras_vit.data.augment.mix import cutmix, mix, mixup
from keras_vit.data.augment.mosaic import mosaic
from keras_vit.data.augment.move import VOID, Geometry, move, size_of, square, window
from keras_vit.data.augment.rand_augment import rand_augment
from keras_vit.data.augment.samples import image_only, photometric
from keras_vit.data.augment.three_augment import three_augment
from keras_vit.data.augment.trivial_augment import trivial_augment
from keras_vit.data.augment.views import ViewColours, view_sheet

__all__ = [
    "CIFAR10_POLICY",
    "IMAGENET_POLICY",
    "VOID",
    "Geometry",
    "ViewColours",
    "as_one",
    "aug_mix",
    "auto_augment",
    "chain",
    "colour_jitter",
    "cutmix",
    "example_keys",
    "fitted",
    "fold",
    "image_only",
    "layer_stage",
    "mix",
    "mixup",
    "mosaic",
    "move",
    "photometric",
    "rand_augment",
    "random_affine",
    "random_crop",
    "random_erasing",
    "random_flip",
    "random_place_crop",
    "random_resized_crop",
    "random_scale_crop",
    "random_turn",
    "size_of",
    "square",
    "three_augment",
    "trivial_augment",
    "uniform",
    "view_sheet",
    "window",
]
