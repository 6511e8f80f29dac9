"""The middle of every recipe: from a source and a backbone to a trained, delivered classifier."""

import dataclasses
import functools
import time
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from keras_vit.command_line import describe
from keras_vit.data import BrokenPictures, eval_batches, train_batches
from keras_vit.data.augment import mix
from keras_vit.export import prepare_folder
from keras_vit.tasks import classifier
from keras_vit.training import (
    ReportBroken,
    Throughput,
    adamw,
    log_gallery,
    muon,
    strategy,
    use_xla,
    warmup_cosine,
)
from recipes.deliver import deliver

SHOWN = 64  # training images in TensorBoard's gallery, at most
OPTIMIZERS = {"adamw": adamw, "muon": muon}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What every recipe lets a person tune; each field is a flag."""

    epochs: int
    """Passes over the training images."""
    batch_size: int
    """Images per step."""
    optimizer: str = "adamw"
    """adamw, or muon: orthogonalised momentum for the blocks' kernels."""
    learning_rate: float
    """Peak of the warm-up cosine."""
    weight_decay: float
    """Decoupled weight decay, on kernels alone."""
    warmup_epochs: int
    """Epochs from a learning rate of zero to the peak."""
    schedule: str = "cosine"
    """cosine: warm-up and a cosine to zero; or constant."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 is no limit."""
    beta_2: float = 0.999
    """Decay of Adam's second moment."""
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
    run_dir: str
    """Where logs, the .keras file and sample pictures go."""
    export_dir: str
    """Where the exported versions go."""


def train(
    config,
    source,
    build_backbone,
    *,
    augment,
    crop=None,
    eval_crop=None,
    callbacks=(),
    bigger,
):
    """Trains a classifier by cross-entropy, watched in TensorBoard, and delivers it.

    The test split is watched between epochs, as TensorBoard's "validation"; nothing is chosen by
    it.

    Args:
        config: A recipe's `Training`.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        build_backbone: From nothing to a backbone; called in the scope of the strategy.
        augment: As `keras_vit.data.train_batches` takes it.
        crop: Likewise.
        eval_crop: As `keras_vit.data.eval_batches` takes it.
        callbacks: Keras callbacks beside the usual ones.
        bigger: The command that trains something bigger, to name at the end.

    Returns:
        One `keras_vit.artefacts.Comparison` per artefact.
    """
    _check(config)
    prepare_folder(config.export_dir)
    prepare_folder(config.run_dir)
    split, test, classes = source.splits["train"], source.splits["test"], len(source.class_names)
    log_dir = Path(config.run_dir, "logs", time.strftime("%Y%m%d-%H%M%S"))
    for note in source.notes:
        print(note)
    print(
        f"Will train a Vision Transformer for {config.epochs} epochs, save it to {config.run_dir}, "
        f"export it to {config.export_dir}, reload the exports and compare them on the test split."
        f"\n{source}\n{describe(config)}"
    )

    keras.utils.set_random_seed(config.seed)
    broken = BrokenPictures()
    batches = train_batches(
        split,
        batch_size=config.batch_size,
        seed=config.seed,
        crop=crop,
        augment=augment,
        mix=functools.partial(
            mix,
            num_classes=classes,
            mixup=config.mixup,
            cutmix=config.cutmix,
            rate=config.mix_rate,
            smoothing=config.label_smoothing,
        ),
        repeats=config.repeats,
        broken=broken,
    )
    steps = split.count // config.batch_size
    devices = strategy(config.device)
    replicas = devices.num_replicas_in_sync
    if config.batch_size % replicas:
        raise ValueError(
            "`batch_size` must be a multiple of the devices: "
            f"received batch_size={config.batch_size}, {replicas} devices."
        )
    evaluation = eval_batches(
        test,
        batch_size=min(256, test.count) // replicas * replicas,
        crop=eval_crop,
        broken=broken,
    )
    with devices.scope():
        model = classifier(build_backbone(), classes, class_names=source.class_names)
        model.compile(
            _optimizer(config, steps),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=use_xla(devices),
        )
    print(f"{model.count_params():,} parameters, {steps} steps an epoch; logs in {log_dir}.")
    images, labels = next(batches.as_numpy_iterator())
    broken.collect()  # the gallery is no epoch
    log_gallery(log_dir, images[:SHOWN], labels[:SHOWN], source.class_names)
    with warnings.catch_warnings():
        # Keras warns of a test split whose length it cannot know: broken pictures are left out.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        model.fit(
            batches,
            epochs=config.epochs,
            steps_per_epoch=steps,
            validation_freq=config.validation_epochs,
            validation_data=evaluation.map(lambda x, y: (x, tf.one_hot(y, classes))),
            callbacks=[
                *callbacks,
                keras.callbacks.TerminateOnNaN(raise_error=True),
                Throughput(config.batch_size),
                *([ReportBroken(broken)] if crop else []),
                keras.callbacks.TensorBoard(log_dir),
            ],
            shuffle=False,  # the pipeline has shuffled; Keras warns otherwise
        )
    return deliver(model, source, evaluation, config, log_dir, bigger=bigger)


def _optimizer(config, steps):
    """Builds the optimizer; `steps` are an epoch's."""
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = warmup_cosine(
            rate,
            total_steps=config.epochs * steps,
            warmup_steps=config.warmup_epochs * steps,
        )
    return OPTIMIZERS[config.optimizer](
        rate,
        weight_decay=config.weight_decay,
        beta_2=config.beta_2,
        global_clipnorm=config.clip_norm or None,
    )


def _check(config):
    if not 0 <= config.warmup_epochs < config.epochs:
        raise ValueError(
            "`warmup_epochs` must be below `epochs`: "
            f"received warmup_epochs={config.warmup_epochs}, epochs={config.epochs}."
        )
    if config.optimizer not in OPTIMIZERS:
        raise ValueError(
            f"`optimizer` must be one of {', '.join(OPTIMIZERS)}: received {config.optimizer!r}."
        )
    if config.schedule not in ("cosine", "constant"):
        raise ValueError(f"`schedule` must be cosine or constant: received {config.schedule!r}.")
