"""Optimizers with the decay and the defaults that Vision Transformers are trained with."""

import math

import keras

from keras_vit.errors import UserError

# Matches the variables without weight decay: all that are not called kernel. Keras passes the
# backend's name, on TensorFlow "embed/projection/kernel" with or without an output number ":0".
NO_KERNEL = r"^(?!(.*/)?kernel(:\d+)?$)"

NO_BLOCK = r"^(?!block\d+/)"  # matches the path of every variable outside the blocks


@keras.saving.register_keras_serializable("keras_vit")
class KernelDecayAdamW(keras.optimizers.AdamW):
    """AdamW whose weight decay acts on kernels only.

    "Decoupled Weight Decay Regularization" (arXiv:1711.05101). Biases, norms, tokens, positions and
    LayerScale stay undecayed. Keras loses its list of exclusions when a model is saved and loaded;
    here the exclusion belongs to the class.

    Args:
        *args: As `keras.optimizers.AdamW` takes them.
        **kwargs: As `keras.optimizers.AdamW` takes them.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=[NO_KERNEL])


def adamw(learning_rate, *, weight_decay, beta_2=0.999, global_clipnorm=None, **kwargs):
    """Builds `KernelDecayAdamW`: AdamW with decay of kernels only.

    Args:
        learning_rate: A number, or a schedule (`WarmupSchedule`).
        weight_decay: Share of a kernel that each step subtracts, before it is multiplied by the
            learning rate.
        beta_2: Decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.
        **kwargs: Arguments of every Keras optimizer, for example `use_ema`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `weight_decay` is negative or infinite, `beta_2` outside of `[0, 1)`, or
            `global_clipnorm` not positive.
    """
    _check(weight_decay, beta_2, global_clipnorm)
    return KernelDecayAdamW(
        learning_rate,
        weight_decay=weight_decay,
        beta_2=beta_2,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )


def lamb(learning_rate, *, weight_decay, beta_2=0.999, global_clipnorm=None, **kwargs):
    """Builds Keras' LAMB: AdamW with a trust ratio per weight, for large batches.

    "Large Batch Optimization for Deep Learning" (arXiv:1904.00962, algorithm 2), with the decay of
    kernels outside of the trust ratio, as Keras has it.

    Args:
        learning_rate: A number, or a schedule (`WarmupSchedule`).
        weight_decay: Share of a kernel that each step subtracts, before it is multiplied by the
            learning rate.
        beta_2: Decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.
        **kwargs: Arguments of every Keras optimizer, for example `use_ema`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `weight_decay` is negative or infinite, `beta_2` outside of `[0, 1)`, or
            `global_clipnorm` not positive.
    """
    _check(weight_decay, beta_2, global_clipnorm)
    optimizer = keras.optimizers.Lamb(
        learning_rate,
        weight_decay=weight_decay,
        beta_2=beta_2,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )
    optimizer.exclude_from_weight_decay(var_names=[NO_KERNEL])
    return optimizer


def sgd(learning_rate, *, weight_decay, momentum=0.9, global_clipnorm=None, **kwargs):
    """Builds SGD with momentum, and decoupled decay of kernels (arXiv:1711.05101, algorithm 1).

    Args:
        learning_rate: A number, or a schedule (`WarmupSchedule`).
        weight_decay: Share of a kernel that each step subtracts, before it is multiplied by the
            learning rate.
        momentum: Decay of the velocity.
        global_clipnorm: Largest norm of the whole gradient, or `None`.
        **kwargs: Arguments of every Keras optimizer, for example `use_ema`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `weight_decay` is negative or infinite, `momentum` outside of `[0, 1)`, or
            `global_clipnorm` not positive.
    """
    _check(weight_decay, 0, global_clipnorm)
    if not 0 <= momentum < 1:
        raise UserError(f"`momentum` must lie in [0, 1): received momentum={momentum}.")
    optimizer = keras.optimizers.SGD(
        learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )
    optimizer.exclude_from_weight_decay(var_names=[NO_KERNEL])
    return optimizer


def muon(learning_rate, *, weight_decay, beta_2=0.95, global_clipnorm=None, **kwargs):
    """Builds Keras' Muon: orthogonalised momentum for the blocks' kernels, Adam for the rest.

    Muon (Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks"), scaled
    as in "Muon is Scalable for LLM Training" (arXiv:2502.16982, section 2.2), so that AdamW's
    learning rates and decay fit. Patch projection, tokens, positions, norms, biases, pool and head
    get Adam without decay. A step costs about `30 D^2` multiplications per kernel row more than
    AdamW's: little compared with the cost of a large batch, much compared with a small one.

    Args:
        learning_rate: A number, or a schedule (`WarmupSchedule`).
        weight_decay: Share of a block's kernel that each step subtracts, before it is multiplied by
            the learning rate.
        beta_2: Adam's decay of the second moment.
        global_clipnorm: Largest norm of the whole gradient, or `None`.
        **kwargs: Arguments of every Keras optimizer, for example `use_ema`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `weight_decay` is negative or infinite, `beta_2` outside of `[0, 1)`, or
            `global_clipnorm` not positive.
    """
    _check(weight_decay, beta_2, global_clipnorm)
    return keras.optimizers.Muon(
        learning_rate,
        weight_decay=weight_decay,
        exclude_layers=[NO_BLOCK],
        adam_weight_decay=0.0,
        adam_beta_2=beta_2,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )


def _check(weight_decay, beta_2, global_clipnorm):
    if not 0 <= weight_decay < math.inf:
        raise UserError(
            f"`weight_decay` must not be negative: received weight_decay={weight_decay}."
        )
    if not 0 <= beta_2 < 1:
        raise UserError(f"`beta_2` must lie in [0, 1): received beta_2={beta_2}.")
    if global_clipnorm is not None and not global_clipnorm > 0:
        raise UserError(
            f"`global_clipnorm` must be positive: received global_clipnorm={global_clipnorm}."
        )
