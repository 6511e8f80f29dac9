r"""A small CNN in the same pipeline: is a Vision Transformer what your pictures need?

    python -m recipes.cnn --data cifar10 --val-fraction 0

A residual network (arXiv:1512.03385, section 4.2) of `keras.layers`: three stages of basic blocks,
whose sides halve and whose channels double. Its norms are over groups of channels of one image
("Group Normalization", arXiv:1803.08494), so that replicas and micro-batches change nothing. With
`--width 32 --blocks 2` an image of 32x32 pixels costs about as many multiplications as with the
Vision Transformer of `recipes.cifar10 --preset cpu`. Data, augmentation, training, export and
evaluation are those of every recipe. Not yet measured by us.
"""

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError
from keras_vit.run import run_recipe
from keras_vit.run.any_source import AnySource, scale_of_pixels

GROUPS = 8  # of channels, each normed by itself
STAGES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AnySource):
    """The flags of the CNN."""

    epochs: int = 25
    batch_size: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    warmup_epochs: int = 1
    label_smoothing: float = 0.1
    validation_epochs: int = 3
    image_size: int = 32
    width: int = 32
    """Channels of the first stage, a multiple of 8; each further one has twice as many."""
    blocks: int = 2
    """Residual blocks of each of the three stages."""
    mean: tuple[float, ...] = (0.491, 0.482, 0.447)
    """Mean of the pixels, from 0 to 1."""
    std: tuple[float, ...] = (0.247, 0.243, 0.262)
    """Standard deviation of the pixels, from 0 to 1."""
    run_dir: Annotated[str, Parameter(show_default=True)] = "runs/cnn"
    export_dir: Annotated[str, Parameter(show_default=True)] = "saved_models/cnn"

    def check(self):
        super().check()
        if self.width < 1 or self.width % GROUPS:
            raise UserError(f"`width` must be a multiple of {GROUPS}: received {self.width}.")
        if self.blocks < 1 or self.folds:
            raise UserError(
                "`blocks` must be at least 1, and `folds` are not for this recipe: received "
                f"blocks={self.blocks}, folds={self.folds}."
            )


# The tests give it data.
SMOKE = (Config(data="digits", epochs=2, batch_size=32, warmup_epochs=0, image_size=8, width=8),)


def cnn(image_shape, num_classes, *, width, blocks, mean, std, class_names=None):
    """Builds a residual network from images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`.

    Args:
        image_shape: The shape `(H, W, C)` of the images.
        num_classes: Number of classes `K`.
        width: Channels of the first of three stages.
        blocks: Basic blocks of each stage.
        mean: Mean of the pixels on the scale 0 to 1, one number or one per channel.
        std: Standard deviation of the pixels on that scale, one number or one per channel.
        class_names: `K` names in the order of the labels.

    Returns:
        A `keras.Model` named `"cnn"`.
    """
    import keras
    import numpy as np

    from keras_vit.tasks.classify import ClassHead

    def convolved(x, channels, name, strides=1, size=3):
        options = dict(padding="same", use_bias=False, kernel_initializer="he_normal")
        x = keras.layers.Conv2D(channels, size, strides=strides, name=f"{name}_conv", **options)(x)
        return keras.layers.GroupNormalization(GROUPS, name=f"{name}_norm")(x)

    def block(x, channels, name, strides):
        branch = keras.layers.Activation("relu")(convolved(x, channels, f"{name}_1", strides))
        branch = convolved(branch, channels, f"{name}_2")
        if strides > 1 or x.shape[-1] != channels:
            x = convolved(x, channels, f"{name}_skip", strides, size=1)
        x = keras.layers.Add(name=f"{name}_sum")([x, branch])
        return keras.layers.Activation("relu", name=name)(x)

    images = keras.Input(image_shape, name="images")
    scale, offset = np.divide(1 / 255, std).tolist(), np.divide(np.negative(mean), std).tolist()
    x = keras.layers.Rescaling(scale, offset, dtype="float32", name="pixels")(images)
    x = keras.layers.Activation("relu")(convolved(x, width, "stem"))
    for stage in range(STAGES):
        for place in range(blocks):
            strides = 2 if stage and not place else 1
            x = block(x, width * 2**stage, f"stage{stage}_{place}", strides)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    names = None if class_names is None else list(class_names)
    logits = ClassHead(num_classes, class_names=names, dtype="float32", name="head")(x)
    return keras.Model(images, logits, name="cnn")


def run(config):
    """Trains, evaluates, exports and compares.

    Args:
        config: One of this page's configurations.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    from keras_vit.run import open_devices, train

    devices = open_devices(config)
    config, source = config.opened()
    source = config.sized(source)
    channels = source.splits["train"].channels
    size, pixels = config.image_size, scale_of_pixels(config, channels)
    moves, cropping = config.cropping(source)
    return train(
        config,
        devices,
        source,
        lambda names: cnn(
            (size, size, channels),
            len(names),
            width=config.width,
            blocks=config.blocks,
            class_names=names,
            **pixels,
        ),
        task=config.classification(source),
        augment=config.stages(*config.flips, *moves),
        bigger=["python", "-m", "recipes.cnn", "--data", config.data, "--width", "64"],
        **cropping,
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
