"""One script for each claim of speed, with its last output beside it."""

import contextlib

from keras_vit.command_line import quiet_stderr

with quiet_stderr():
    with contextlib.suppress(ImportError):  # it crashes if TensorFlow was imported first
        import torchvision  # noqa: F401
    import tensorflow  # noqa: F401
