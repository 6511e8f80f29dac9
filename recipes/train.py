"""The middle of every recipe: from a source and a backbone to a trained, delivered classifier."""

import dataclasses
import time
from pathlib import Path

import keras

from keras_vit.command_line import describe
from keras_vit.data import eval_batches, train_batches
from keras_vit.export import prepare_folder
from keras_vit.tasks import classifier
from keras_vit.training import Throughput, log_gallery, strategy, use_xla, warmup_cosine_adamw
from recipes.deliver import deliver


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What every recipe lets a person tune; each field is a flag."""

    epochs: int
    """Passes over the training images."""
    batch_size: int
    """Images per step."""
    learning_rate: float
    """Peak of the warm-up cosine."""
    weight_decay: float
    """AdamW's, on kernels alone."""
    warmup_epochs: int
    """Epochs from a learning rate of zero to the peak."""
    beta_2: float = 0.999
    """AdamW's decay of the second moment."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, gpu or tpu."""
    run_dir: str
    """Where logs, the .keras file and sample pictures go."""
    export_dir: str
    """Where the exported versions go."""


def train(config, source, build_backbone, augment, *, bigger):
    """Trains a classifier by cross-entropy, watched in TensorBoard, and delivers it.

    The test split is watched after each epoch, as TensorBoard's "validation"; nothing is chosen by
    it.

    Args:
        config: A recipe's `Training`.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        build_backbone: From nothing to a backbone; called in the scope of the strategy.
        augment: As `keras_vit.data.train_batches` takes it.
        bigger: The command that trains something bigger, to name at the end.

    Returns:
        One `keras_vit.artefacts.Comparison` per artefact.
    """
    if not 0 <= config.warmup_epochs < config.epochs:
        raise ValueError(
            "`warmup_epochs` must be below `epochs`: "
            f"received warmup_epochs={config.warmup_epochs}, epochs={config.epochs}."
        )
    prepare_folder(config.export_dir)
    prepare_folder(config.run_dir)
    split, test = source.splits["train"], source.splits["test"]
    log_dir = Path(config.run_dir, "logs", time.strftime("%Y%m%d-%H%M%S"))
    print(
        f"Will train a Vision Transformer for {config.epochs} epochs, save it to {config.run_dir}, "
        f"export it to {config.export_dir}, reload the exports and compare them on the test split."
        f"\n{source}\n{describe(config)}"
    )

    keras.utils.set_random_seed(config.seed)
    batches = train_batches(split, batch_size=config.batch_size, seed=config.seed, augment=augment)
    steps = split.count // config.batch_size
    devices = strategy(config.device)
    replicas = devices.num_replicas_in_sync
    if config.batch_size % replicas:
        raise ValueError(
            "`batch_size` must be a multiple of the devices: "
            f"received batch_size={config.batch_size}, {replicas} devices."
        )
    test_batch_size = min(256, test.count) // replicas * replicas
    with devices.scope():
        model = classifier(
            build_backbone(), len(source.class_names), class_names=source.class_names
        )
        model.compile(
            warmup_cosine_adamw(
                config.learning_rate,
                total_steps=config.epochs * steps,
                warmup_steps=config.warmup_epochs * steps,
                weight_decay=config.weight_decay,
                beta_2=config.beta_2,
                global_clipnorm=1.0,
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=use_xla(devices),
        )
    print(f"{model.count_params():,} parameters, {steps} steps an epoch; logs in {log_dir}.")
    log_gallery(log_dir, *next(batches.as_numpy_iterator()), source.class_names)
    model.fit(
        batches,
        epochs=config.epochs,
        steps_per_epoch=steps,
        validation_data=eval_batches(test, batch_size=test_batch_size),
        callbacks=[
            keras.callbacks.TerminateOnNaN(raise_error=True),
            Throughput(config.batch_size),
            keras.callbacks.TensorBoard(log_dir),
        ],
        shuffle=False,  # the pipeline has shuffled; Keras warns otherwise
    )
    return deliver(model, source, config, log_dir, bigger=bigger)
