"""What sits between a model and `model.fit`."""

from keras_vit.training.callbacks import Throughput
from keras_vit.training.optimizers import KernelDecayAdamW, warmup_cosine_adamw
from keras_vit.training.strategy import strategy, use_xla
from keras_vit.training.tensorboard import log_confusion_matrix, log_gallery, log_hyperparameters

__all__ = [
    "KernelDecayAdamW",
    "Throughput",
    "log_confusion_matrix",
    "log_gallery",
    "log_hyperparameters",
    "strategy",
    "use_xla",
    "warmup_cosine_adamw",
]
