"""The words that a few flags choose from, where no command must load TensorFlow to read them."""

OPTIMIZERS = ("adamw", "lamb", "muon", "sgd")
SCHEDULES = ("cosine", "linear", "polynomial", "rsqrt", "constant")
# Keras' policies of precision by what a flag calls them.
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
XLA = ("auto", "on", "off")
SAMPLINGS = ("natural", "balanced")
STEMS = ("linear", "spt", "conv", "cct", "t2t", "resnet")
POOLS = ("class_token", "mean", "class_token_and_mean", "attention", "sequence")
