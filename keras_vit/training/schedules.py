"""The learning rate over the steps: warm-up, decay, cooldown."""

import math

import keras
from keras import ops

from keras_vit.choices import SCHEDULES
from keras_vit.errors import UserError

POWER = 0.9  # of the polynomial
RSQRT_STEPS = 10_000  # big_vision's `timescale`; three times as many steps halve the rate


@keras.saving.register_keras_serializable("keras_vit")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, a decay, and a linear cooldown to zero.

    Args:
        learning_rate: The peak, reached after the warm-up.
        total_steps: Steps of the whole training, delay, warm-up and cooldown included.
        warmup_steps: Steps in which the rate rises linearly from zero to the peak.
        decay: `"cosine"` to zero at the end (arXiv:1608.03983), `"linear"` to zero at the end,
            `"polynomial"`, which is the linear one to the power 0.9 ("DeepLab", arXiv:1606.00915,
            section 4.1), `"constant"`, or `"rsqrt"`: inverse square root of the steps after the
            warm-up, which does not depend on the length of the training ("Scaling Vision
            Transformers", arXiv:2106.04560, section 3.4).
        cooldown_steps: Final steps over which the rate is also scaled linearly to zero; use it with
            `rsqrt` and `constant`.
        delay_steps: First steps, in which the rate is zero; the warm-up begins after them.

    Raises:
        ValueError: If the rate is not positive, the decay is unknown, or delay, warm-up and
            cooldown do not fit into the training.
    """

    def __init__(
        self,
        learning_rate,
        *,
        total_steps,
        warmup_steps=0,
        decay="cosine",
        cooldown_steps=0,
        delay_steps=0,
    ):
        super().__init__()
        if not 0 < learning_rate < math.inf:
            raise UserError(
                f"`learning_rate` must be positive: received learning_rate={learning_rate}."
            )
        if not 0 <= delay_steps < total_steps:
            raise UserError(
                "The delay must be shorter than the training: "
                f"received delay_steps={delay_steps}, total_steps={total_steps}."
            )
        steps = total_steps - delay_steps
        if not 0 <= warmup_steps < steps:
            raise UserError(
                "The warm-up must be shorter than the training: "
                f"received warmup_steps={warmup_steps}, total_steps={steps}."
            )
        if not 0 <= cooldown_steps <= steps - warmup_steps:
            raise UserError(
                "The cooldown must fit between warm-up and end: received cooldown_steps="
                f"{cooldown_steps}, warmup_steps={warmup_steps}, total_steps={steps}."
            )
        if decay not in SCHEDULES:
            raise UserError(f"`decay` must be one of {', '.join(SCHEDULES)}: received {decay!r}.")
        self.learning_rate = learning_rate
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.cooldown_steps = cooldown_steps
        self.delay_steps = delay_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") - self.delay_steps
        rate = self.learning_rate * self._decay(step)
        if self.delay_steps:
            rate = ops.where(step < 0, 0.0, rate)
        if self.warmup_steps:
            rate = ops.minimum(step / self.warmup_steps, 1.0) * rate
        if self.cooldown_steps:
            left = self.total_steps - self.delay_steps - step
            rate = ops.clip(left / self.cooldown_steps, 0.0, 1.0) * rate
        return rate

    def _decay(self, step):
        decaying = ops.maximum(step - self.warmup_steps, 0.0)
        steps = self.total_steps - self.delay_steps - self.warmup_steps
        done = ops.minimum(decaying / steps, 1.0)
        if self.decay == "cosine":
            return 0.5 * (1.0 + ops.cos(math.pi * done))
        if self.decay == "linear":
            return 1.0 - done
        if self.decay == "polynomial":
            return (1.0 - done) ** POWER
        if self.decay == "rsqrt":
            return ops.rsqrt(1.0 + decaying / RSQRT_STEPS)
        return ops.ones_like(done)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay": self.decay,
            "cooldown_steps": self.cooldown_steps,
            "delay_steps": self.delay_steps,
        }
