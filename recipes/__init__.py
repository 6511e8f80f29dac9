"""Recipes: a page each, run as `python -m recipes.NAME` from the root of the repository."""

from keras_vit.command_line import quiet_stderr

with quiet_stderr():  # before any recipe's own imports, so that a mistyped flag is one line
    import tensorflow  # noqa: F401
