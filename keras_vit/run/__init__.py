"""The middle of every recipe: flags, the compiled model, training, resume and delivery.

A recipe of your own is a dataclass of flags and a function, made of these parts:

    from keras_vit.run import Training, open_devices, run_recipe, train

The folder `recipes/` of the repository holds examples. What trains is loaded when it is first used:
`--help` needs only the flags.
"""

from typing import TYPE_CHECKING

from keras_vit.command_line import run_recipe
from keras_vit.lazy import lazy_names
from keras_vit.run.augmentation import Augmentation, AugmentationName
from keras_vit.run.flags import Training
from keras_vit.run.pictures import Pictures
from keras_vit.run.shared_flags import Mixing, PatchDropout, RandomCrops
from keras_vit.run.small_data import SmallData

if TYPE_CHECKING:
    from keras_vit.run.devices import open_devices
    from keras_vit.run.training import train

__all__ = [
    "Augmentation",
    "AugmentationName",
    "Mixing",
    "PatchDropout",
    "Pictures",
    "RandomCrops",
    "SmallData",
    "Training",
    "open_devices",
    "run_recipe",
    "train",
]

__getattr__, __dir__ = lazy_names(__name__, {"open_devices": "devices", "train": "training"})
