"""A small server with TensorFlow Serving's REST paths, for people without Docker."""
