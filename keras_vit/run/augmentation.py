"""The augmentations that flags choose by name, in the order of published recipes."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from keras_vit.errors import UserError
from keras_vit.run.flags import Training, check_ranges

if TYPE_CHECKING:
    import tensorflow as tf

    Stage = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Policy:
    """A published list of changes, one row of `POLICIES`.

    Attributes:
        make: Returns its stage; called with the module `keras_vit.data.augment` and, where it has
            one, a strength.
        strength: Its usual strength, on the scale of its paper; `None` where it has none.
        most: Its largest strength.
    """

    make: Callable[..., "Stage"]
    strength: float | None = None
    most: float = math.inf


def _colour_jitter(augment, strength):
    amounts = dict.fromkeys(("brightness", "contrast", "saturation"), strength)
    return functools.partial(augment.colour_jitter, **amounts)


def _timm(augment, magnitude):
    how = dict(magnitude=magnitude, magnitude_std=0.5, increasing=True)
    return functools.partial(augment.rand_augment, **how)


POLICIES = {
    "aug-mix": Policy(lambda a, strength: functools.partial(a.aug_mix, severity=strength), 3, 10),
    "auto-augment": Policy(lambda a: functools.partial(a.auto_augment, policy=a.IMAGENET_POLICY)),
    "auto-augment-cifar10": Policy(
        lambda a: functools.partial(a.auto_augment, policy=a.CIFAR10_POLICY)
    ),
    "colour-jitter": Policy(_colour_jitter, 0.3, 1),  # DeiT III (arXiv:2204.07118), table 1
    # "Better plain ViT baselines for ImageNet-1k" (arXiv:2205.01580) and DeiT (arXiv:2012.12877).
    "rand-augment": Policy(
        lambda a, strength: functools.partial(a.rand_augment, magnitude=strength), 10, 30
    ),
    "rand-augment-timm": Policy(_timm, 9, 30),
    "three-augment": Policy(lambda a: a.three_augment),
    "trivial-augment": Policy(lambda a: a.trivial_augment),
}
AUGMENTATIONS = ("none", *POLICIES)
AugmentationName = Literal[AUGMENTATIONS]


def check_strength(name, strength):
    """Raises a `ValueError` unless an augmentation exists and takes a strength.

    Args:
        name: One of `AUGMENTATIONS`.
        strength: Its strength, or `None` for the usual one.

    Raises:
        ValueError: If there is no such augmentation, it takes no strength, or not this one.
    """
    if name not in AUGMENTATIONS:
        names = ", ".join(AUGMENTATIONS)
        raise UserError(f"`augment` must be one of {names}: received {name!r}.")
    if strength is None:
        return
    policy = POLICIES.get(name)
    if policy is None or policy.strength is None:
        names = ", ".join(name for name, policy in POLICIES.items() if policy.strength is not None)
        raise UserError(f"`augment_strength` is for {names}: received {strength:g} for {name}.")
    if not 0 <= strength <= policy.most:
        raise UserError(
            f"`augment_strength` of {name} must lie in [0, {policy.most:g}]: received {strength:g}."
        )


def check_moves_nothing(name):
    """Raises a `ValueError` unless an augmentation suits samples with masks, boxes or targets.

    Args:
        name: One of `AUGMENTATIONS`.

    Raises:
        ValueError: If it moves pixels of images, with which masks and boxes do not move.
    """
    from keras_vit.data.augment.samples import keeps_annotations

    suited = [each for each in AUGMENTATIONS if all(map(keeps_annotations, policy_stages(each)))]
    if name not in suited:
        raise UserError(
            f"`augment` must move no pixel where masks belong to them, so it is one of "
            f"{', '.join(suited)}: received {name!r}."
        )


def policy_stages(name, strength=None) -> "list[Stage]":
    """Makes the stage of an augmentation.

    Args:
        name: One of `AUGMENTATIONS`.
        strength: Its strength; by default the usual one.

    Returns:
        A list of one stage, empty for `"none"`.

    Raises:
        ValueError: As `check_strength`.
    """
    from keras_vit.data import augment

    check_strength(name, strength)
    if name == "none":
        return []
    policy = POLICIES[name]
    if policy.strength is None:
        return [policy.make(augment)]
    return [policy.make(augment, policy.strength if strength is None else strength)]


def erasing_stages(rate, *, mean=0.5, std=0.5, **how) -> "list[Stage]":
    """Makes the stage that erases a rectangle, of what a model sees as noise of mean 0.

    Args:
        rate: Share of the images in which a rectangle is erased.
        mean: Mean that the model subtracts, on the scale 0 to 1, one number or one per channel.
        std: Deviation that it divides by, in the same form.
        **how: More arguments of `keras_vit.data.augment.random_erasing`.

    Returns:
        A list of one stage, empty for a rate of 0.
    """
    import numpy as np

    from keras_vit.data.augment import random_erasing

    if not rate:
        return []
    in_bytes = dict(mean=np.multiply(255, mean).tolist(), std=np.multiply(255, std).tolist())
    return [functools.partial(random_erasing, rate=rate, **in_bytes, **how)]


def in_a_row(stages) -> "Stage | None":
    """Returns one stage that calls several one after the other; `None` for none of them."""
    from keras_vit.data.augment import chain

    stages = list(stages)
    if len(stages) < 2:
        return stages[0] if stages else None
    return chain(*stages)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation(Training):
    """A recipe whose images may be mirrored, changed by a policy and erased."""

    flip: bool = True
    """Whether half of the images are mirrored. Turn it off where sides matter, as in text."""
    augment: AugmentationName = "none"
    """Published augmentation of colour and geometry."""
    augment_strength: float | None = None
    """Strength of --augment on the scale of its paper; by default the usual one."""
    erasing: float = 0.0
    """Share of the images in which a rectangle is erased."""

    def check(self):
        super().check()
        check_ranges(self, {"[0, 1]": (lambda x: 0 <= x <= 1, ("erasing",))})
        check_strength(self.augment, self.augment_strength)

    @property
    def flips(self):
        """The mirroring as a list of stages, empty where images are not mirrored."""
        from keras_vit.data.augment import random_flip

        return [random_flip] if self.flip else []

    def stages(self, *moves, mean=0.5, std=0.5, **erasing) -> "Stage | None":
        """Chains what moves pixels with what the flags turn on: first the policy, then erasing.

        That is the order of timm (`timm/data/transforms_factory.py`) and so of DeiT. There,
        erasing follows the normalisation; here the noise is normalised instead, see
        `keras_vit.data.augment.random_erasing`. Mixup and cutmix come after all of these.

        Args:
            *moves: The recipe's stages that move pixels, such as those of `flips`.
            mean: As `erasing_stages` takes it.
            std: As `erasing_stages` takes it.
            **erasing: As `erasing_stages` takes them.

        Returns:
            A stage for `keras_vit.run.train(augment=...)`, `None` where nothing is turned on.
        """
        policies = policy_stages(self.augment, self.augment_strength)
        return in_a_row(
            [*moves, *policies, *erasing_stages(self.erasing, mean=mean, std=std, **erasing)]
        )
