"""Every claim of speed: the script that repeats it, and its last output beside it."""

from keras_vit.command_line import quiet_stderr

with quiet_stderr():
    import tensorflow  # noqa: F401
