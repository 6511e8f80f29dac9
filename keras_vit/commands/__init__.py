"""What `keras-vit` can do, a file per command."""
