"""Recipes, one page each: run `python -m recipes.NAME` in the root of the repository."""

from keras_vit.command_line import quiet_stderr

with quiet_stderr():  # first of all, so that a mistyped flag prints one line only
    import tensorflow  # noqa: F401
