"""Flags of augmentation: what each name is, the order of stages, and what is refused."""

import dataclasses
import functools

import numpy as np
import pytest

from keras_vit.data import augment
from keras_vit.run.augmentation import (
    AUGMENTATIONS,
    POLICIES,
    check_moves_nothing,
    erasing_stages,
    in_a_row,
    policy_stages,
)
from recipes import cifar10, digits, imagenet, segment


def test_every_stage_with_a_policy_has_a_name_and_strengths_reach_it():
    made = {name: policy_stages(name) for name in AUGMENTATIONS}
    assert made.pop("none") == [] and all(len(stages) == 1 for stages in made.values())
    assert made["auto-augment"][0].keywords != made["auto-augment-cifar10"][0].keywords
    functions = {getattr(stage, "func", stage) for (stage,) in made.values()}
    assert functions == {
        augment.aug_mix,
        augment.auto_augment,
        augment.colour_jitter,
        augment.rand_augment,
        augment.three_augment,
        augment.trivial_augment,
    }
    for name, policy in POLICIES.items():
        if policy.strength is not None:
            (usual,), (weak,) = policy_stages(name), policy_stages(name, 0.5)
            assert policy.strength in usual.keywords.values()
            assert 0.5 in weak.keywords.values() and usual.keywords != weak.keywords


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(augment="twist"), "`augment` must be one of none, aug-mix, .*: received 'twist'"),
        (dict(augment="trivial-augment", augment_strength=3), "`augment_strength` is for aug-mix,"),
        (dict(augment="none", augment_strength=0.5), "received 0.5 for none"),
        (
            dict(augment="aug-mix", augment_strength=11),
            r"must lie in \[0, 10\]: received 11",
        ),
        (dict(augment="colour-jitter", augment_strength=-1), r"must lie in \[0, 1\]: received -1"),
        (dict(augment="rand-augment", augment_strength=float("nan")), "received nan"),
        (dict(erasing=1.5), r"`erasing` must lie in \[0, 1\]: received erasing=1.5"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(digits.Config(), **changes).check()


def test_stages_follow_each_other_as_in_deit():
    config = dataclasses.replace(imagenet.DeiT(), erasing=0.5)
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype("uint8")
    timm = dict(magnitude=9, magnitude_std=0.5, increasing=True)
    mean, std = (np.multiply(255, each) for each in (config.mean, config.std))
    expected = augment.chain(
        augment.random_flip,
        functools.partial(augment.rand_augment, num_ops=2, **timm),
        functools.partial(augment.random_erasing, rate=0.5, mean=mean, std=std),
    )
    found = config.stages(*config.flips, mean=config.mean, std=config.std)
    keys = augment.example_keys(0, np.arange(6))
    np.testing.assert_array_equal(found(images, keys), expected(images, keys))


def test_one_stage_stands_alone_and_none_is_nothing():
    assert in_a_row([]) is None and in_a_row([augment.random_flip]) is augment.random_flip
    assert erasing_stages(0.0) == []
    config = dataclasses.replace(cifar10.Cpu(), flip=False, padding=0)
    assert cifar10.augmentation(config) is None


def test_masks_are_refused_what_moves_pixels_of_images_only():
    for name in AUGMENTATIONS:
        if name in ("none", "colour-jitter", "three-augment"):
            check_moves_nothing(name)
        else:
            with pytest.raises(ValueError, match=f"is one of none, .*: received '{name}'"):
                check_moves_nothing(name)
    config = segment.Config(data="d", weights="w", augment="rand-augment")
    with pytest.raises(ValueError, match="masks.*: received 'rand-augment'"):
        segment.run(config)
    dataclasses.replace(config, augment="three-augment", erasing=0.2).check()
