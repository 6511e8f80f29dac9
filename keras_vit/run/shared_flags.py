"""Flags that several recipes share, and what each adds to a training."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError, first_few
from keras_vit.run.class_weights import check_class_weights, class_weights
from keras_vit.run.flags import Training, check_ranges

if TYPE_CHECKING:
    import tensorflow as tf

WORDS = Parameter(show_default=" ".join)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixing(Training):
    """A recipe of classification: how labels are smoothed, mixed and weighted."""

    label_smoothing: float = 0.0
    """Share of a label that is spread over all classes."""
    mixup: float = 0.0
    """Alpha of mixup's Beta distribution; 0 is off."""
    cutmix: float = 0.0
    """Alpha of cutmix's Beta distribution; 0 is off."""
    mix_rate: float = 1.0
    """Share of the images that mixup or cutmix changes."""
    class_weights: Annotated[tuple[str, ...], WORDS] = ("none",)
    """What classes count in the loss: none, all alike; balanced, rare ones more; or name=weight."""

    def check(self):
        super().check()
        check_class_weights(self.class_weights)
        if (self.sampling, self.class_weights) == ("balanced", ("balanced",)):
            raise UserError(
                "`sampling` and `class_weights` must not both be balanced, because rare classes "
                "would count twice as much as they should: pass one of them."
            )
        ranges = {
            "[0, inf)": (lambda x: 0 <= x < math.inf, ("cutmix", "mixup")),
            "[0, 1)": (lambda x: 0 <= x < 1, ("label_smoothing",)),
            "[0, 1]": (lambda x: 0 <= x <= 1, ("mix_rate",)),
        }
        check_ranges(self, ranges)

    def classification(self, source):
        """Makes the task of the recipe.

        Args:
            source: The `keras_vit.data.Source`, whose classes are learned.

        Returns:
            A `keras_vit.tasks.Task`.

        Raises:
            ValueError: If the classes cannot be weighted as the flag says.
        """
        from keras_vit.tasks import classification

        weights = class_weights(self.class_weights, source)
        if weights is not None:
            pairs = zip(source.class_names, weights, strict=True)
            named = (f"{name}={weight:.3g}" for name, weight in pairs)
            print(f"Class weights: {first_few(named, 10)}.")
        return classification(
            source.class_names,
            mixup=self.mixup,
            cutmix=self.cutmix,
            mix_rate=self.mix_rate,
            label_smoothing=self.label_smoothing,
            class_weights=weights,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomCrops(Training):
    """A recipe whose training images are random crops of pictures."""

    smallest_crop: float = 0.35
    """Smallest share of a picture's area that a training image shows."""

    def check(self):
        super().check()
        if not 0 < self.smallest_crop <= 1:
            raise UserError(f"`smallest_crop` must lie in (0, 1]: received {self.smallest_crop}.")

    def random_crop(self, size) -> "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]":
        """Makes the random crop of the training images.

        Args:
            size: Side `S` of an image in pixels.

        Returns:
            A function of a sample and a key `()` that returns the sample with an image
            `(S, S, 3)`, for `keras_vit.run.train(crop=...)`.
        """
        from keras_vit.data import inception_crop

        return functools.partial(inception_crop, size=size, area=(self.smallest_crop, 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchDropout(Training):
    """A recipe that may drop patches in training ("Patch dropout", arXiv:2208.07220)."""

    patch_dropout: tuple[float, ...] = (0.0,)
    """Shares of the patches that are dropped in training, one after the other."""
    patch_dropout_epochs: tuple[int, ...] = (0,)
    """The epoch, from 0, at which each of these shares begins."""

    def check(self):
        super().check()
        rates, epochs = self.patch_dropout, self.patch_dropout_epochs
        if len(rates) != len(epochs) or not rates:
            raise UserError(
                "`patch_dropout` and `patch_dropout_epochs` must have the same number of values: "
                f"received {rates} and {epochs}."
            )
        if not all(0 <= rate < 1 for rate in rates):
            raise UserError(f"`patch_dropout` must lie in [0, 1): received {rates}.")
        if epochs[0] != 0 or list(epochs) != sorted(set(epochs)):
            raise UserError(f"`patch_dropout_epochs` must rise from 0: received {epochs}.")

    @property
    def largest_patch_dropout(self):
        """The rate with which the model is built."""
        return max(self.patch_dropout)

    @property
    def patch_dropout_callbacks(self):
        """The schedule as a list of callbacks, empty where no patch is dropped."""
        if not any(self.patch_dropout):
            return []
        from keras_vit.training import PatchDropoutSchedule

        rates = dict(zip(self.patch_dropout_epochs, self.patch_dropout, strict=True))
        return [PatchDropoutSchedule(rates)]
