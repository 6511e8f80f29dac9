"""Backbones: functions that build a functional `keras.Model` from a configuration."""

from keras_vit.models.config import SIZES, STEMS, ViTConfig
from keras_vit.models.vit import encode, patch_tokens, vit

__all__ = ["SIZES", "STEMS", "ViTConfig", "encode", "patch_tokens", "vit"]
