"""Every claim of speed: the script that repeats it, and its last output beside it."""

import contextlib

from keras_vit.command_line import quiet_stderr

with quiet_stderr():
    with contextlib.suppress(ImportError):  # a rival; it crashes where TensorFlow came before
        import torchvision  # noqa: F401
    import tensorflow  # noqa: F401
