"""A trained `keras.Model` to files: Keras' own, and what a server or a phone loads."""

from keras_vit.export.keras_file import save_keras
from keras_vit.export.versioning import export, prepare_folder, versions

__all__ = ["export", "prepare_folder", "save_keras", "versions"]
