"""The command `keras-vit`: one file per command."""
