"""Backbones: functions from a configuration to a functional `keras.Model`."""

from keras_vit.models.vit import SIZES, ViTConfig, vit

__all__ = ["SIZES", "ViTConfig", "vit"]
