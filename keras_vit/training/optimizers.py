"""The optimizer and its schedule."""

import math

import keras

# Matches what decay leaves out: every variable not called kernel. Keras asks with the backend's
# name, on TensorFlow "embed/projection/kernel" with or without an output number ":0".
NO_KERNEL = r"^(?!(.*/)?kernel(:\d+)?$)"

NO_BLOCK = r"^(?!block\d+/)"  # matches the path of every variable outside the blocks


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


def warmup_cosine(learning_rate, *, total_steps, warmup_steps):
    """Builds a schedule: linear from 0 to the peak, then a cosine to 0 (arXiv:1608.03983).

    Args:
        learning_rate: The peak, reached after the warm-up.
        total_steps: Steps of the whole training; the rate is zero at its end.
        warmup_steps: Steps from zero to the peak.

    Returns:
        A `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        ValueError: If the rate is not positive, or the warm-up not shorter than the training.
    """
    if not 0 < learning_rate < math.inf:
        raise ValueError(
            f"`learning_rate` must be positive: received learning_rate={learning_rate}."
        )
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            "The warm-up must be shorter than the training: "
            f"received warmup_steps={warmup_steps}, total_steps={total_steps}."
        )
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=total_steps - warmup_steps,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )


def adamw(learning_rate, *, weight_decay, beta_2=0.999, global_clipnorm=None):
    """Builds `KernelDecayAdamW`.

    Args:
        learning_rate: A number, or a schedule (`warmup_cosine`).
        weight_decay: Share of a kernel taken off per step, times the learning rate.
        beta_2: Decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a number is out of its range.
    """
    _check(weight_decay, beta_2, global_clipnorm)
    return KernelDecayAdamW(
        learning_rate, weight_decay=weight_decay, beta_2=beta_2, global_clipnorm=global_clipnorm
    )


def muon(learning_rate, *, weight_decay, beta_2=0.95, global_clipnorm=None):
    """Builds Keras' Muon: orthogonalised momentum for the blocks' kernels, Adam for the rest.

    Muon (Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks"), scaled
    as in "Muon is Scalable for LLM Training" (arXiv:2502.16982, section 2.2), so that AdamW's
    learning rates and decay fit. Patch projection, tokens, positions, norms, biases, pool and head
    get Adam without decay. A step costs about `30 D^2` multiplications per kernel row more than
    AdamW's: little beside large batches, much beside small ones.

    Args:
        learning_rate: A number, or a schedule (`warmup_cosine`).
        weight_decay: Share of a block's kernel taken off per step, times the learning rate.
        beta_2: Adam's decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a number is out of its range.
    """
    _check(weight_decay, beta_2, global_clipnorm)
    return keras.optimizers.Muon(
        learning_rate,
        weight_decay=weight_decay,
        exclude_layers=[NO_BLOCK],
        adam_weight_decay=0.0,
        adam_beta_2=beta_2,
        global_clipnorm=global_clipnorm,
    )


def _check(weight_decay, beta_2, global_clipnorm):
    if not 0 <= weight_decay < math.inf:
        raise ValueError(
            f"`weight_decay` must not be negative: received weight_decay={weight_decay}."
        )
    if not 0 <= beta_2 < 1:
        raise ValueError(f"`beta_2` must lie in [0, 1): received beta_2={beta_2}.")
    if global_clipnorm is not None and not global_clipnorm > 0:
        raise ValueError(
            f"`global_clipnorm` must be positive: received global_clipnorm={global_clipnorm}."
        )
