"""What flags refuse before anything is computed, and what the shared ones stand for."""

import dataclasses
import functools

import pytest

from keras_vit.data import inception_crop
from keras_vit.data.augment import random_flip
from recipes import cifar10, finetune, folder, imagenet

CIFAR10 = cifar10.Cpu()
FOLDER = folder.Config(data="my_pictures")
FINETUNE = finetune.Config(weights="vit.safetensors", data="cifar10", flip=True)
IMAGENET = imagenet.DeiT()


@pytest.mark.parametrize("config", [CIFAR10, FOLDER, FINETUNE, IMAGENET])
def test_mirroring_can_be_turned_off(config):
    config.check()
    assert config.flips == [random_flip]
    assert dataclasses.replace(config, flip=False).flips == []


@pytest.mark.parametrize("config", [FOLDER, FINETUNE, IMAGENET])
def test_random_crops_obey_their_flag(config):
    crop = dataclasses.replace(config, smallest_crop=0.2).random_crop(32)
    assert isinstance(crop, functools.partial) and crop.func is inception_crop
    assert crop.keywords == dict(size=32, area=(0.2, 1.0))
    for value in (0.0, -1.0, 2.0, float("nan")):
        with pytest.raises(ValueError, match=r"`smallest_crop` must lie in \(0, 1\]: received"):
            dataclasses.replace(config, smallest_crop=value).check()


@pytest.mark.parametrize("config", [CIFAR10, FINETUNE])
@pytest.mark.parametrize(
    "rates, epochs, message",
    [
        ((), (), "must have the same number of values"),
        ((0.5,), (0, 1), "must have the same number of values"),
        ((0.5, -1.0), (0, 1), r"must lie in \[0, 1\): received \(0.5, -1.0\)"),
        ((float("nan"),), (0,), r"must lie in \[0, 1\)"),
        ((1.0,), (0,), r"must lie in \[0, 1\)"),
        ((0.5,), (3,), r"must rise from 0: received \(3,\)"),
        ((0.5, 0.2), (0, 0), "must rise from 0"),
        ((0.5, 0.2, 0.1), (0, 4, 2), "must rise from 0"),
    ],
)
def test_what_patch_dropout_refuses(config, rates, epochs, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config, patch_dropout=rates, patch_dropout_epochs=epochs).check()


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="`padding` must be at least 0: received -1"):
        dataclasses.replace(CIFAR10, padding=-1).check()


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(epochs=0), "`epochs` must be at least 1: received epochs=0"),
        (dict(epochs=2), "`epochs` must be above `warmup_epochs`: received epochs=2, warmup_ep"),
        (dict(head_epochs=28), "`epochs` must be above `warmup_epochs` and `head_epochs` together"),
        (dict(cooldown_epochs=29), "must be at most the 28 epochs after the warm-up: received"),
        (dict(head_epochs=20, cooldown_epochs=9), "must be at most the 8 epochs after the warm-up"),
    ],
)
def test_epochs_must_hold_what_happens_in_them(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(FOLDER, **changes).check()


def test_epochs_may_be_filled_to_the_last():
    dataclasses.replace(FOLDER, head_epochs=20, cooldown_epochs=8).check()
    dataclasses.replace(FOLDER, epochs=1, warmup_epochs=0).check()
