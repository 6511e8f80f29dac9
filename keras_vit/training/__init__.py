"""What sits between a model and `model.fit`."""

from keras_vit.training.callbacks import PatchDropoutSchedule, ReportBroken, Throughput
from keras_vit.training.optimizers import KernelDecayAdamW, adamw, muon, warmup_cosine
from keras_vit.training.resume import Checkpoints
from keras_vit.training.step import TrainingModel
from keras_vit.training.strategy import strategy, use_xla
from keras_vit.training.tensorboard import log_confusion_matrix, log_gallery, log_hyperparameters

__all__ = [
    "Checkpoints",
    "KernelDecayAdamW",
    "PatchDropoutSchedule",
    "ReportBroken",
    "Throughput",
    "TrainingModel",
    "adamw",
    "log_confusion_matrix",
    "log_gallery",
    "log_hyperparameters",
    "muon",
    "strategy",
    "use_xla",
    "warmup_cosine",
]
