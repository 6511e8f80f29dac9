"""Every claim of speed: the script that repeats it, and its last output beside it."""

import recipes  # noqa: F401  imports TensorFlow without its start-up lines
