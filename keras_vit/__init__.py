"""Vision Transformers in Keras 3 on TensorFlow, from images on disk to a served model."""
