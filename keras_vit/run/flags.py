"""What every recipe lets a person tune: one dataclass, each of whose fields is a flag."""

import dataclasses
import math

from keras_vit.errors import UserError
from keras_vit.training import adamw, lamb, muon, sgd

OPTIMIZERS = {"adamw": adamw, "lamb": lamb, "muon": muon, "sgd": sgd}
RANGES = [  # of the fields whose own user does not say it in a sentence
    ("clip_norm", 0, math.inf),
    ("cutmix", 0, math.inf),
    ("ema", 0, 1),
    ("label_smoothing", 0, 1),
    ("mixup", 0, math.inf),
    ("save_every", 0, math.inf),
    ("seed", 0, 2**32),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What every recipe lets a person tune."""

    epochs: int
    """Passes over the training images."""
    batch_size: int
    """Images per step, over all devices."""
    optimizer: str = "adamw"
    """adamw, sgd, lamb for large batches, muon with orthogonalised momentum in the blocks."""
    learning_rate: float
    """Peak of the schedule."""
    weight_decay: float
    """Decoupled weight decay, on kernels alone."""
    warmup_epochs: int
    """Epochs from a learning rate of zero to the peak."""
    schedule: str = "cosine"
    """What follows the warm-up: cosine, linear, rsqrt or constant."""
    cooldown_epochs: int = 0
    """Last epochs, in which the rate is led to zero."""
    layer_decay: float = 1.0
    """Factor of the learning rate from one layer to the one below."""
    head_epochs: int = 0
    """First epochs, in which the head alone is trained."""
    freeze: str = ""
    """Pattern of the weights that stay as they are, ^(embed|block0)/ for one."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 is no limit."""
    beta_2: float = 0.999
    """Decay of Adam's second moment."""
    ema: float = 0.0
    """Momentum of an average of the weights, which is what is saved; 0 is none."""
    accumulation: int = 1
    """Micro-batches that each device cuts its part of a batch into, where memory is short."""
    label_smoothing: float = 0.0
    """Share of a label spread over all classes."""
    mixup: float = 0.0
    """Alpha of mixup's Beta distribution; 0 is off."""
    cutmix: float = 0.0
    """Alpha of cutmix's Beta distribution; 0 is off."""
    mix_rate: float = 1.0
    """Share of the images that mixup or cutmix changes."""
    repeats: int = 1
    """How often an image stands in a batch, each time changed anew."""
    validation_epochs: int = 1
    """The test split is looked at after every so many epochs."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, gpu or tpu."""
    worker: int | None = None
    """Which of the workers this process is, from 0."""
    workers: str = ""
    """Addresses of all workers, host:port,host:port."""
    data_service: str = ""
    """Address of a tf.data service that decodes, grpc://host:5000; it ends exact resume."""
    precision: str = "float32"
    """float32, bfloat16 or float16."""
    xla: str = "auto"
    """on, off, or auto: a step is timed both ways."""
    not_finite: str = "stop"
    """stop, or skip: what a gradient that is not finite does."""
    resume: bool | None = None
    """Go on with a run that was stopped, or begin anew; by default go on where there is one."""
    save_every: int = 0
    """Steps between two checkpoints; 0 is once an epoch."""
    run_dir: str
    """Where logs, the .keras file and sample pictures go."""
    export_dir: str
    """Where the exported versions go."""


def check_flags(config):
    """Raises a `ValueError` for what the fields' types cannot say."""
    for name in ("epochs", "batch_size", "accumulation", "repeats", "validation_epochs"):
        if getattr(config, name) < 1:
            value = getattr(config, name)
            raise UserError(f"`{name}` must be at least 1: received {name}={value}.")
    if not 0 <= config.warmup_epochs < config.epochs:
        raise UserError(
            "`warmup_epochs` must be below `epochs`: "
            f"received warmup_epochs={config.warmup_epochs}, epochs={config.epochs}."
        )
    if not 0 <= config.head_epochs < config.epochs - config.warmup_epochs:
        raise UserError(
            "`head_epochs` and `warmup_epochs` must leave epochs to train in: received "
            f"head_epochs={config.head_epochs}, warmup_epochs={config.warmup_epochs}, "
            f"epochs={config.epochs}."
        )
    if config.optimizer not in OPTIMIZERS:
        raise UserError(
            f"`optimizer` must be one of {', '.join(OPTIMIZERS)}: received {config.optimizer!r}."
        )
    if config.not_finite not in ("stop", "skip"):
        raise UserError(f"`not_finite` must be stop or skip: received {config.not_finite!r}.")
    for name, low, high in RANGES:
        value = getattr(config, name)
        if not low <= value < high:
            raise UserError(f"`{name}` must lie in [{low}, {high}): received {name}={value}.")
