"""Training: devices, the train step, optimizers, schedules, callbacks and exact resume."""

from keras_vit.training.callbacks import (
    FirstStep,
    PatchDropoutSchedule,
    ReportBroken,
    Throughput,
    WatchFinite,
    WatchLoss,
)
from keras_vit.training.collapse import WatchCollapse
from keras_vit.training.curves import Curves
from keras_vit.training.devices.strategy import (
    check_batch_size,
    set_precision,
    strategy,
    training_model,
)
from keras_vit.training.devices.workers import Workers, explain_lost_workers, per_worker
from keras_vit.training.keep_best import KeepBest
from keras_vit.training.lora import add_lora, copy_merged
from keras_vit.training.optimizers import KernelDecayAdamW, adamw, lamb, muon, sgd
from keras_vit.training.paths import freeze, layerwise
from keras_vit.training.projector import log_features
from keras_vit.training.resume.checkpoints import Checkpoints
from keras_vit.training.schedules import WarmupSchedule
from keras_vit.training.step.training_model import TrainingModel
from keras_vit.training.step.xla import choose_xla
from keras_vit.training.tensorboard import (
    log_figure,
    log_gallery,
    log_hyperparameters,
)

__all__ = [
    "Checkpoints",
    "Curves",
    "KeepBest",
    "KernelDecayAdamW",
    "FirstStep",
    "PatchDropoutSchedule",
    "ReportBroken",
    "Throughput",
    "TrainingModel",
    "WarmupSchedule",
    "WatchCollapse",
    "WatchFinite",
    "WatchLoss",
    "Workers",
    "adamw",
    "add_lora",
    "check_batch_size",
    "choose_xla",
    "copy_merged",
    "explain_lost_workers",
    "freeze",
    "lamb",
    "layerwise",
    "log_features",
    "log_figure",
    "log_gallery",
    "log_hyperparameters",
    "muon",
    "per_worker",
    "set_precision",
    "sgd",
    "strategy",
    "training_model",
]
