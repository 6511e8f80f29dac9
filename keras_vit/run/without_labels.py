"""What recipes share that train a backbone only from pictures."""

import dataclasses
from pathlib import Path

from keras_vit.errors import UserError
from keras_vit.run.any_source import AnySource

ADVICE = "Lower --learning-rate, or pass more --warmup-epochs."


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithoutLabels(AnySource):
    """A recipe that trains a backbone on any source, whose labels it ignores."""

    image_size: int
    patch_size: int
    """Side of a patch in pixels."""
    width: int
    """Width of the encoder: numbers per token."""
    depth: int
    """Its transformer blocks."""
    mlp_dim: int
    """Hidden units of each of its MLPs."""
    num_heads: int
    """Its attention heads per block."""
    position: str = "sincos_2d"
    """learned, sincos_2d, sincos_1d or none."""
    mean: tuple[float, ...]
    """Mean of the pixels, from 0 to 1."""
    std: tuple[float, ...]
    """Standard deviation of the pixels, from 0 to 1."""
    export: bool = False
    """Whether the deployed model is exported and compared; backbone.keras never is."""
    collapse_epochs: int = 2
    """Epochs after which the training says if its features are all alike."""

    def check(self):
        super().check()
        off = dict(class_weights=("none",), mixup=0, cutmix=0, label_smoothing=0, folds=0)
        for name, value in off.items():
            if getattr(self, name) != value:
                raise UserError(
                    f"A training without labels takes no `{name}`: received "
                    f"{name}={getattr(self, name)}."
                )

    def shape(self, channels, **fields):
        """Returns the `keras_vit.models.ViTConfig` of the encoder.

        Args:
            channels: Channels of the images.
            **fields: Further fields of the configuration.
        """
        from keras_vit.models import ViTConfig

        return ViTConfig(
            image_size=self.image_size,
            patch_size=self.patch_size,
            channels=channels,
            width=self.width,
            depth=self.depth,
            mlp_dim=self.mlp_dim,
            num_heads=self.num_heads,
            position=self.position,
            **fields,
        )

    def watch(self, source, preprocessing, backbone_of, *, sign=None, advice=ADVICE):
        """Makes the callbacks that look at the features between epochs.

        Args:
            source: What `sized` returned.
            preprocessing: The `Preprocessing` of evaluation, or `None` for images in memory.
            backbone_of: Turns the model that trains into one from images to features.
            sign: As `keras_vit.training.WatchCollapse` takes its `find`; by default it looks at the
                features only.
            advice: As this takes it.

        Returns:
            A list of callbacks.
        """
        from keras_vit.run.watch_features import watch_features
        from keras_vit.tasks.signs import sign_in_features
        from keras_vit.training import WatchCollapse

        return [
            watch_features(self, source, preprocessing, backbone_of),
            WatchCollapse(sign or sign_in_features, advice=advice, after=self.collapse_epochs),
        ]

    @property
    def next_command(self):
        """Words of the command that fine-tunes the backbone."""
        weights = f"{self.run_dir}/backbone.keras"
        return ["keras-vit", "finetune", "--data", self.data, "--weights", weights]

    def save_backbone(self, backbone_of):
        """Saves the backbone of a training that has ended, as `backbone.keras` beside it.

        Args:
            backbone_of: Turns the model that the training saved into the backbone.
        """
        from keras_vit.export import save_keras
        from keras_vit.tasks import read_keras_file

        names = ("best.keras", "last.keras")
        kept = next(path for name in names if (path := Path(self.run_dir, name)).exists())
        save_keras(backbone_of(read_keras_file(kept)), Path(self.run_dir, "backbone.keras"))
        print(f"The encoder of {kept.name} is {self.run_dir}/backbone.keras.")
