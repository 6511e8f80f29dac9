"""Other people's weights, and our own at another size."""

from keras_vit.checkpoints.architecture import Architecture, architecture_of
from keras_vit.checkpoints.export_timm import export_timm
from keras_vit.checkpoints.load import load
from keras_vit.checkpoints.recognise import RecognisedCheckpoint, recognise
from keras_vit.checkpoints.resize import fold_channels, resize_kernel, resize_positions

__all__ = [
    "Architecture",
    "RecognisedCheckpoint",
    "architecture_of",
    "export_timm",
    "fold_channels",
    "load",
    "recognise",
    "resize_kernel",
    "resize_positions",
]
