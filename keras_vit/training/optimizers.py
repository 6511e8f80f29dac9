"""The optimizer and its schedule."""

import math

import keras

# Matches what decay leaves out: every variable not called kernel. Keras asks with the backend's
# name, on TensorFlow "embed/projection/kernel" with or without an output number ":0".
NO_KERNEL = r"^(?!(.*/)?kernel(:\d+)?$)"


@keras.saving.register_keras_serializable("keras_vit")
class KernelDecayAdamW(keras.optimizers.AdamW):
    """AdamW whose weight decay acts on kernels alone.

    "Decoupled Weight Decay Regularization" (arXiv:1711.05101). Biases, norms, tokens, positions and
    LayerScale stay undecayed. Keras' own list of exclusions is lost when a model is saved and
    loaded; here the rule belongs to the class.

    Args:
        *args: As `keras.optimizers.AdamW` takes them.
        **kwargs: Likewise.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=[NO_KERNEL])


def warmup_cosine_adamw(
    learning_rate, *, total_steps, warmup_steps, weight_decay, beta_2=0.999, global_clipnorm=None
):
    """Builds AdamW with a linear warm-up and a cosine decay to zero (arXiv:1608.03983).

    Args:
        learning_rate: The peak, reached after the warm-up.
        total_steps: Steps of the whole training; the rate is zero at its end.
        warmup_steps: Steps from zero to the peak.
        weight_decay: Share of a kernel taken off per step, times the learning rate.
        beta_2: Decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a rate is out of its range, or the warm-up not shorter than the training.
    """
    ranges = {
        "learning_rate": 0 < learning_rate < math.inf,
        "weight_decay": 0 <= weight_decay < math.inf,
        "beta_2": 0 <= beta_2 < 1,
        "global_clipnorm": global_clipnorm is None or global_clipnorm > 0,
    }
    for name, holds in ranges.items():
        if not holds:
            raise ValueError(f"`{name}` is out of its range: received {name}={locals()[name]}.")
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            "The warm-up must be shorter than the training: "
            f"received warmup_steps={warmup_steps}, total_steps={total_steps}."
        )
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=total_steps - warmup_steps,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )
    return KernelDecayAdamW(
        schedule, weight_decay=weight_decay, beta_2=beta_2, global_clipnorm=global_clipnorm
    )
