r"""Pictures without labels: a masked autoencoder (arXiv:2111.06377) trains a backbone.

    python -m recipes.mae --data cifar10 --val-fraction 0.02
    keras-vit finetune --data cifar10 --weights runs/mae/backbone.keras --image-size 32

Three quarters of the patches of each image are masked; an encoder sees the others, and a light
decoder writes the masked ones. Labels are ignored. The encoder is saved as `backbone.keras`, which
`keras-vit finetune`, `embed` and `explain` take as other people's weights.

`small`, the default, is the model of `recipes.cifar10 --preset cpu`; the encoder computes a quarter
of its tokens. `simmim` is SimMIM (arXiv:2111.09886): the encoder computes all tokens, with a
learned patch in place of the masked ones, and has no decoder. `paper` has the settings of ImageNet:
ViT-B/16, a decoder of 8 blocks, 800 epochs; but no class token, which the paper passes through the
decoder. Neither of them has been measured by us.

Measured on two cores (AMD EPYC without AVX-512, TensorFlow 2.21.0, Keras 3.15.1), `small`, seed 0,
on a JPEG copy of quality 75: 32 minutes for ten epochs without other work, and then by
`recipes.probe` 59.91 % of the test images for a linear probe, 51.47 % for nearest neighbours.
"""

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError
from keras_vit.run import run_recipe
from keras_vit.run.any_source import scale_of_pixels
from keras_vit.run.without_labels import WithoutLabels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(WithoutLabels):
    """The flags of a masked autoencoder."""

    masked: float = 0.75
    """Share of the patches that are masked."""
    decoder_width: int
    """Numbers per token of the decoder, if there is one."""
    decoder_depth: int
    """Its transformer blocks; 0 is SimMIM: the encoder sees all patches, masked ones as a learned
    one, its tokens become pixels without a decoder, and the loss is absolute."""
    decoder_heads: int
    """Its attention heads per block, if there is one."""
    run_dir: Annotated[str, Parameter(show_default=True)] = "runs/mae"
    export_dir: Annotated[str, Parameter(show_default=True)] = "saved_models/mae"

    def check(self):
        super().check()
        if not 0 < self.masked < 1:
            raise UserError(f"`masked` must lie in (0, 1): received masked={self.masked}.")
        if self.decoder_depth < 0:
            raise UserError(f"`decoder_depth` must be at least 0: received {self.decoder_depth}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small(Config):
    """CIFAR-10 on two cores."""

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    beta_2: float = 0.95
    warmup_epochs: int = 1
    validation_epochs: int = 5
    image_size: int = 32
    patch_size: int = 4
    width: int = 192
    depth: int = 6
    mlp_dim: int = 384
    num_heads: int = 3
    decoder_width: int = 96
    decoder_depth: int = 1
    decoder_heads: int = 3
    mean: tuple[float, ...] = (0.491, 0.482, 0.447)
    std: tuple[float, ...] = (0.247, 0.243, 0.262)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimMIM(Small):
    """SimMIM: the same encoder, which sees all patches, and no decoder."""

    masked: float = 0.6
    decoder_depth: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper(Config):
    """ImageNet, as published: appendix A.1."""

    val_fraction: float | None = 0.0
    epochs: int = 800
    batch_size: int = 4096
    learning_rate: float = 2.4e-3
    weight_decay: float = 0.05
    beta_2: float = 0.95
    warmup_epochs: int = 40
    clip_norm: float = 0.0
    smallest_crop: float = 0.2
    image_size: int = 224
    patch_size: int = 16
    width: int = 768
    depth: int = 12
    mlp_dim: int = 3072
    num_heads: int = 12
    decoder_width: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


PRESETS = {"small": Small, "simmim": SimMIM, "paper": Paper}
TINY = dict(data="digits", epochs=2, validation_epochs=1, batch_size=32, warmup_epochs=0)
TINY |= dict(image_size=8, patch_size=2, width=16, depth=1, mlp_dim=32, num_heads=2)
SMOKE = (Small(**TINY, decoder_width=8, decoder_heads=2, export=True), SimMIM(**TINY))


def run(config):
    """Trains, evaluates and saves the backbone.

    Args:
        config: One of this page's configurations.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import encoder_of, features, masked_autoencoder
    from keras_vit.tasks import reconstruction as task_of

    devices = open_devices(config)
    config, source = config.opened()
    source = config.sized(source)
    channels = source.splits["train"].channels
    pixels = scale_of_pixels(config, channels)
    shape = config.shape(channels, class_token=False)  # nothing would train it

    def build(names):
        return masked_autoencoder(
            shape,
            masked=config.masked,
            decoder_width=config.decoder_width,
            decoder_depth=config.decoder_depth,
            decoder_heads=config.decoder_heads,
            **pixels,
        )

    def backbone_of(model):
        return features(encoder_of(model, shape, **pixels))

    moves, cropping = config.cropping(source)
    watching = source, cropping.get("preprocessing"), backbone_of
    rows = train(
        config,
        devices,
        source,
        build,
        task=task_of(config.patch_size, absolute=not config.decoder_depth),
        augment=config.stages(*config.flips, *moves),
        callbacks=config.watch(*watching),
        bigger=config.next_command,
        **cropping,
    )
    if rows is not None:
        config.save_backbone(backbone_of)
    return rows


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
