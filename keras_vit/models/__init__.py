"""Backbones: functions that build a functional `keras.Model` from a configuration."""

from keras_vit.models.vit import SIZES, ViTConfig, vit

__all__ = ["SIZES", "ViTConfig", "vit"]
