"""The compiled model of a recipe: loss from its task, optimizer and schedule from its flags."""

import re
from collections.abc import Callable

import keras

from keras_vit.errors import UserError
from keras_vit.run.flags import Training
from keras_vit.tasks import Task, deploy
from keras_vit.tasks.deployed import remembering
from keras_vit.training import (
    WarmupSchedule,
    adamw,
    freeze,
    lamb,
    layerwise,
    muon,
    set_precision,
    sgd,
    training_model,
)
from keras_vit.training.paths import HEAD

OPTIMIZERS = {"adamw": adamw, "lamb": lamb, "muon": muon, "sgd": sgd}


def compiled_model(
    config: Training,
    build: Callable[[], keras.Model],
    steps: int,
    devices,
    *,
    task: Task,
    adapt: Callable[[keras.Model], object] | None = None,
):
    """Builds the model that trains, on its devices and in its precision.

    Args:
        config: A recipe's `Training`.
        build: Returns a new graph that trains, from images `(B, H, W, C)` to what the loss of
            the task takes; called in the scope of the strategy.
        steps: Steps of an epoch.
        devices: What `open_devices` returned.
        task: The `keras_vit.tasks.Task`.
        adapt: Called with that graph before it is trained, to change it.

    Returns:
        A compiled `keras_vit.training.TrainingModel`; on the JAX backend a `JaxTrainingModel`.

    Raises:
        ValueError: If the task cannot deploy the graph, and so it could not be exported after the
            training; if `config.freeze` is no regular expression, or matches
            none or all of the weights; or if the schedule does not fit into the training.
    """
    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)
    try:
        with devices.scope():
            plain = build()
            deployed = deploy(task.deploy(plain)).model
            if remembering(deployed) is None:
                raise UserError(
                    f"`deploy` of a task ends in keras_vit.tasks.answering, or in a ClassHead: "
                    f"{deployed.name!r} does not."
                )
            if adapt is not None:
                adapt(plain)
            if config.freeze:
                print(f"{freeze(plain, config.freeze)} weights are not trained.")
            model = training_model(plain)
            model.compile(
                _optimizer(config, steps, model),
                task.loss(),
                metrics=task.metrics(),
                accumulation=config.accumulation,
                ema_warmup=True,
                after_update=task.after_update,
            )
    finally:
        set_precision("float32")
    return model


def schedule(config, steps, *, factor=1.0, delay_steps=0):
    """Builds the schedule of the learning rate: of the head or, with other arguments, of a group.

    Args:
        config: A recipe's `Training`.
        steps: Steps of an epoch.
        factor: Factor of the learning rate.
        delay_steps: First steps, in which the rate is zero.

    Returns:
        A `keras_vit.training.WarmupSchedule`.

    Raises:
        ValueError: If it does not fit into the training.
    """
    return WarmupSchedule(
        factor * config.learning_rate,
        total_steps=config.epochs * steps,
        warmup_steps=config.warmup_epochs * steps,
        decay=config.schedule,
        cooldown_steps=config.cooldown_epochs * steps,
        delay_steps=delay_steps,
    )


def _optimizer(config, steps, model):
    """Builds the optimizer of a training whose epochs have `steps` steps."""
    average = dict(use_ema=True, ema_momentum=config.ema) if config.ema else {}
    if config.optimizer != "sgd":
        average["beta_2"] = config.beta_2

    waiting = config.head_epochs * steps
    if waiting and not any(HEAD.match(weight.path) for weight in model.trainable_weights):
        raise UserError(
            "`head_epochs` trains layers named head first, and this model has none: "
            f"received head_epochs={config.head_epochs}."
        )

    def build(factor, waits):
        return OPTIMIZERS[config.optimizer](
            schedule(config, steps, factor=factor, delay_steps=waiting if waits else 0),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm or None,
            **average,
        )

    depth = sum(bool(re.fullmatch(r"block\d+", layer.name)) for layer in model.layers)
    return layerwise(build, depth=depth, decay=config.layer_decay, head_first=waiting > 0)
