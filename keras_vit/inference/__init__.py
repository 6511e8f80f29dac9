"""Opens models on disk and runs them; importing it loads neither Keras nor TensorFlow."""

from keras_vit.inference.artefact import Artefact
from keras_vit.inference.open import open_artefact

__all__ = ["Artefact", "open_artefact"]
