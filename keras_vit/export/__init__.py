"""A trained `keras.Model` to files: Keras' own, and what a server or a phone loads."""

from keras_vit.export.formats import FORMATS, check_formats
from keras_vit.export.keras_file import save_keras
from keras_vit.export.tf_serving import write_configurations
from keras_vit.export.version_folder import export, prepare_folder, stage, versions

__all__ = [
    "FORMATS",
    "check_formats",
    "export",
    "prepare_folder",
    "save_keras",
    "stage",
    "versions",
    "write_configurations",
]
