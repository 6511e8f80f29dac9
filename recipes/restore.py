r"""Super-resolution: small pictures become large ones, sharper than bicubic makes them.

    python -m recipes.restore --data super_resolution/T91 --scale 2
    keras-vit evaluate runs/restore/best.keras --data super_resolution/Set5

`--data` is a folder of pictures, from which crops are taken; the small ones are made of them, by
MATLAB's antialiased bicubic. A share of the pictures is set apart as the test split, unless the
folder has splits.

The model is a small SwinIR (arXiv:2108.10257): a token for each pixel, blocks that attend within
windows, and `scale * scale` pixels from each token, which are added to the bicubic enlargement. The
figures that the training prints are those of crops from the middle of the pictures; `keras-vit
evaluate` scores whole ones.
"""

import dataclasses
import functools

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run import Pictures, run_recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Pictures):
    """The recipe of super-resolution."""

    scale: int = 2
    """By how much the sides of a picture grow."""
    image_size: int = 32
    """Side in pixels of the small crops in training, and of the tiles of the saved model."""
    width: int = 32
    """Numbers per token."""
    depth: int = 4
    """Number of transformer blocks; in every second one the windows are shifted."""
    num_heads: int = 2
    """Attention heads."""
    window: int = 8
    """Side in pixels of the windows, within which the blocks attend."""
    epochs: int = 900
    batch_size: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_epochs: int = 5
    clip_norm: float = 0.0
    validation_epochs: int = 50
    picture_epochs: int = 0
    save_every: int = 500
    run_dir: str = "runs/restore"
    export_dir: str = "saved_models/restore"

    def check(self):
        super().check()
        if self.scale < 2:
            raise UserError(f"`scale` must be an integer from 2: received scale={self.scale}.")


# The tests give it data.
SMOKE = (
    Config(
        image_size=16,
        width=8,
        depth=2,
        epochs=2,
        batch_size=2,
        warmup_epochs=0,
        validation_epochs=1,
    ),
)


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
    from keras_vit.data import staged_crop
    from keras_vit.data.augment import as_one, random_place_crop, random_turn
    from keras_vit.models import ViTConfig
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import enlarger, super_resolution

    devices = open_devices(config)
    source = config.opened()
    task = super_resolution(config.scale)
    shape = ViTConfig(
        image_size=config.image_size,
        patch_size=1,
        width=config.width,
        depth=config.depth,
        mlp_dim=2 * config.width,
        num_heads=config.num_heads,
        class_token=False,
        position="none",
        window=config.window,
    )
    image = Preprocessing(image_size=config.image_size, fit="keep")
    samples = task.samples_by(image)
    crop = functools.partial(random_place_crop, size=samples.image_size)
    return train(
        config,
        devices,
        source,
        lambda names: enlarger(shape, scale=config.scale),
        task=task,
        crop=functools.partial(staged_crop, stage=as_one(crop, random_turn)),
        preprocessing=samples,
        bigger=["python", "-m", "recipes.restore", "--width", str(2 * config.width)]
        + ["--data", config.data, "--scale", str(config.scale)],
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
