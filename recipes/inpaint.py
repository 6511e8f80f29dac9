r"""Inpainting: holes in pictures are filled from what is around them.

    python -m recipes.inpaint --data flowers
    keras-vit evaluate runs/inpaint/best.keras --data flowers --test-fraction 0.1
    keras-vit predict runs/inpaint/best.keras photo.png --mask hole.png --out filled/

`--data` is a folder of pictures, whose labels are ignored. A share of them is set apart as the test
split, unless the folder has splits. The defaults are those of photographs of 128x128 pixels.

A masked autoencoder (arXiv:2111.06377) with holes of any shape: an encoder sees the patches that
are known, from scratch or with `--weights`, and a light decoder writes the missing pixels, which
are added to a smooth filling. Holes, boxes and strokes, are drawn anew for each training picture;
those of an evaluation are always the same. Loss and figures are those of missing pixels.
"""

import dataclasses

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run import Augmentation, Pictures, RandomCrops, run_recipe

SCRATCH = 8  # pixels of a patch without `--weights`


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Pictures, RandomCrops, Augmentation):
    """The recipe of inpainting."""

    weights: str = ""
    """A checkpoint for the encoder: .safetensors, .npz, a folder that holds one, a .keras file,
    hf:owner/name; by default it is trained from scratch."""
    image_size: int = 128
    """Side of the images in pixels."""
    patch_size: int | None = None
    """Side of a patch in pixels; by default 8, or that of --weights."""
    width: int = 128
    """Numbers per token of the encoder, without --weights."""
    depth: int = 6
    """Number of its blocks, without --weights."""
    num_heads: int = 4
    """Its attention heads, without --weights."""
    decoder_width: int = 128
    """Numbers per token of the decoder."""
    decoder_depth: int = 2
    """Number of its blocks."""
    decoder_heads: int = 4
    """Its attention heads."""
    kept: float = 0.5
    """Share of the patches that the encoder sees in training, fewer than are known to save time."""
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 2
    smallest_crop: float = 0.5
    """Smallest share of a picture's area that a training image shows."""
    validation_epochs: int = 5
    picture_epochs: int = 0
    run_dir: str = "runs/inpaint"
    export_dir: str = "saved_models/inpaint"

    def check(self):
        super().check()
        if not 0 < self.kept <= 1:
            raise UserError(f"`kept` must lie in (0, 1]: received kept={self.kept}.")


# The tests give it data.
TINY = dict(image_size=12, epochs=2, batch_size=4, warmup_epochs=0, validation_epochs=1)
DECODER = dict(decoder_width=16, decoder_depth=1, decoder_heads=2)
SMOKE = (Config(patch_size=4, width=16, depth=1, num_heads=2, **DECODER, **TINY),)


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
    from keras_vit.tasks import inpainter, inpainting

    devices = open_devices(config)
    source = config.opened()
    shape, pixels, weights = _encoder(config)

    def build(names):
        model = inpainter(
            shape,
            decoder_width=config.decoder_width,
            decoder_depth=config.decoder_depth,
            decoder_heads=config.decoder_heads,
            kept=config.kept,
            **pixels,
        )
        for name, arrays in weights.items():
            model.get_layer(name).set_weights(arrays)
        return model

    return train(
        config,
        devices,
        source,
        build,
        task=inpainting(),
        crop=config.random_crop(config.image_size),
        augment=config.stages(*config.flips),
        preprocessing=Preprocessing(image_size=config.image_size),
        bigger=["python", "-m", "recipes.inpaint", "--data", config.data]
        + ["--epochs", str(2 * config.epochs), "--decoder-width", str(2 * config.decoder_width)],
    )


def _encoder(config):
    """Returns configuration of the encoder, scale of its pixels, and weights by name of a layer."""
    from keras_vit.checkpoints import load, recognise
    from keras_vit.models import ViTConfig

    if not config.weights:
        size = dict(image_size=config.image_size, patch_size=config.patch_size or SCRATCH)
        blocks = dict(width=config.width, depth=config.depth, num_heads=config.num_heads)
        return ViTConfig(**size, **blocks, mlp_dim=4 * config.width), {}, {}
    checkpoint = recognise(config.weights)
    print(f"{config.weights}: {checkpoint}")
    size = dict(image_size=config.image_size, patch_size=config.patch_size)
    backbone = load(checkpoint, **size, num_classes=0)
    size = {name: value for name, value in size.items() if value is not None}
    old = checkpoint.architecture
    weights = {
        layer.name: layer.get_weights()
        for layer in backbone.layers
        if layer.weights and not layer.name.startswith("pool")
    }
    shape = dataclasses.replace(old.config, **size)
    return shape, dict(mean=old.mean, std=old.std), weights


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
