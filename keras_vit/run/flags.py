"""The flags that all recipes have: one dataclass, each of whose fields is a flag."""

import dataclasses
import math
from collections.abc import Callable

from keras_vit.choices import OPTIMIZERS, PRECISIONS, SAMPLINGS, SCHEDULES, XLA
from keras_vit.errors import UserError

CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": tuple(PRECISIONS),
    "xla": XLA,
    "sampling": SAMPLINGS,
    "not_finite": ("stop", "skip"),
}
LEAST = {
    1: ("epochs", "batch_size", "accumulation", "repeats", "validation_epochs"),
    0: (
        "warmup_epochs",
        "head_epochs",
        "cooldown_epochs",
        "picture_epochs",
        "save_every",
        "patience",
    ),
}
# Intervals by name: a check, and the fields whose values must lie in the interval.
RANGES: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "(0, inf)": (lambda x: 0 < x < math.inf, ("learning_rate",)),
    "[0, inf)": (lambda x: 0 <= x < math.inf, ("clip_norm", "weight_decay")),
    "[0, 1)": (lambda x: 0 <= x < 1, ("beta_2", "ema")),
    "(0, 1]": (lambda x: 0 < x <= 1, ("layer_decay",)),
    f"[0, {2**32})": (lambda x: 0 <= x < 2**32, ("seed",)),
}


def check_ranges(config, ranges: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]]):
    """Checks that fields of a dataclass lie in their intervals.

    Args:
        config: The dataclass; a value of `None` is not checked.
        ranges: For each interval a function that says whether it holds a value, and names of
            fields.

    Raises:
        ValueError: If a value does not.
    """
    for interval, (holds, names) in ranges.items():
        for name in names:
            value = getattr(config, name)
            if value is not None and not holds(value):
                raise UserError(f"`{name}` must lie in {interval}: received {name}={value}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """The flags that all recipes have."""

    epochs: int
    """Number of epochs, each of as many steps as there are full batches of training images."""
    batch_size: int
    """Images per step, over all devices."""
    optimizer: str = "adamw"
    """adamw; sgd; lamb, for large batches; or muon, with orthogonalised momentum in the blocks."""
    learning_rate: float
    """Peak of the schedule."""
    weight_decay: float
    """Decoupled weight decay, only on kernels."""
    warmup_epochs: int
    """Epochs from a learning rate of zero to the peak, fewer than --epochs."""
    schedule: str = "cosine"
    """What follows the warm-up: cosine, linear, polynomial, rsqrt or constant."""
    cooldown_epochs: int = 0
    """Number of last epochs, in which the learning rate falls linearly to zero."""
    layer_decay: float = 1.0
    """Factor of the learning rate from one block to the block before it."""
    head_epochs: int = 0
    """Number of first epochs, in which only the head is trained."""
    freeze: str = ""
    """Regular expression of the weights that are not trained, for example ^(embed|block00)/."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 is no limit."""
    beta_2: float = 0.999
    """Decay of Adam's second moment."""
    ema: float = 0.0
    """Momentum of a moving average of the weights, which is saved in their place; 0 is none."""
    accumulation: int = 1
    """Number of micro-batches into which each device splits its part of a batch: saves memory."""
    repeats: int = 1
    """How many times each image is in a batch, every time augmented differently."""
    sampling: str = "natural"
    """natural, every image once an epoch; or balanced, all classes equally often."""
    validation_epochs: int = 1
    """Epochs between two evaluations on the validation split."""
    val_fraction: float | None = None
    """Share of the training pictures that serves for validation, where there is no split val; 0.1
    by default. With 0 the test split is watched, and the last epoch is kept."""
    patience: int = 0
    """Validations in a row without a better figure after which the training ends; 0 is never."""
    picture_epochs: int = 5
    """Epochs between two sets of pictures in TensorBoard (attention, worst answers); 0 draws none
    and writes nothing for the projector."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, gpu or tpu."""
    worker: int | None = None
    """Number of this process among the workers, from 0."""
    workers: str = ""
    """Addresses of all workers, separated by commas: host:port,host:port."""
    data_service: str = ""
    """Address of a tf.data service that decodes, grpc://host:5000; resume is then not exact."""
    precision: str = "float32"
    """float32, bfloat16 or float16."""
    xla: str = "auto"
    """on, off, or auto, which times a step both ways if the run is long enough to gain by it."""
    not_finite: str = "stop"
    """What to do if a gradient is not finite: stop the training, or skip the step."""
    resume: bool | None = None
    """Whether to go on with a run that was stopped; by default, if there is one."""
    save_every: int = 0
    """Steps between two checkpoints; 0 is once an epoch."""
    run_dir: str
    """Folder for logs, checkpoints, the .keras file and sample pictures."""
    export_dir: str
    """Folder for the exported versions."""
    export: bool = True
    """Whether the trained model is exported, and compared with its exports; it is scored and saved
    in any case."""

    def check(self):
        """Raises a `ValueError` unless all values are in their ranges and fit together.

        A recipe with fields of its own overrides this method to check them, and calls it first.

        Raises:
            ValueError: If a value is out of its range, or if warm-up, head-only epochs and cooldown
                do not fit into the epochs.
        """
        for least, names in LEAST.items():
            for name in names:
                value = getattr(self, name)
                if value is not None and value < least:
                    raise UserError(f"`{name}` must be at least {least}: received {name}={value}.")
        check_ranges(self, RANGES)
        if self.val_fraction is not None and not 0 <= self.val_fraction < 1:
            raise UserError(
                f"`val_fraction` must lie in [0, 1): received val_fraction={self.val_fraction}."
            )
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                names = ", ".join(choices)
                raise UserError(f"`{name}` must be one of {names}: received {value!r}.")
        if self.patience and self.val_fraction == 0:
            raise UserError(
                "`patience` needs pictures to validate on: received "
                f"patience={self.patience}, val_fraction=0."
            )
        if self.epochs is None or self.warmup_epochs is None:
            return  # they are chosen, and checked, once the data is known
        received = f"received epochs={self.epochs}, warmup_epochs={self.warmup_epochs}"
        if self.warmup_epochs >= self.epochs:
            raise UserError(
                f"`epochs` must be above `warmup_epochs`: {received}. Pass more --epochs, or fewer "
                "--warmup-epochs, such as 0."
            )
        left = self.epochs - self.warmup_epochs - self.head_epochs
        if left < 1:
            raise UserError(
                "`epochs` must be above `warmup_epochs` and `head_epochs` together: "
                f"{received}, head_epochs={self.head_epochs}."
            )
        if self.cooldown_epochs > left:
            raise UserError(
                f"`cooldown_epochs` must be at most the {left} epochs after the warm-up: {received}"
                f", head_epochs={self.head_epochs}, cooldown_epochs={self.cooldown_epochs}."
            )
