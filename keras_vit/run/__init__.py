"""The middle of every recipe: flags, the compiled model, training, resume and delivery."""

from keras_vit.command_line import run_recipe
from keras_vit.run.flags import Training
from keras_vit.run.train import open_devices, train

__all__ = ["Training", "open_devices", "run_recipe", "train"]
