r"""Fine-tuning: weights that were trained elsewhere learn your own pictures.

    python -m recipes.finetune --weights vit_tiny.safetensors --source cifar10
    python -m recipes.finetune --weights vit_tiny.safetensors \
        --source folder:my_pictures

Any checkpoint that `keras_vit.checkpoints.load` opens, or a `.keras` file of ours, gets a new head
and another image size. All weights are trained, those near the patches more slowly than
those near the head ("BEiT", arXiv:2106.08254, appendix H). `--probe` trains only the head;
`--head-epochs` does so in the first epochs; `--frozen-blocks` leaves the first blocks as they are;
`--lora-rank` trains low-rank additions to the kernels (LoRA, arXiv:2106.09685), which are merged
into the saved weights.

CIFAR-10 from the ImageNet ViT-Ti/16, 94.5 % in 50 minutes on two cores of an AMD EPYC (Zen 5):

    python -m recipes.finetune --weights vit_tiny.safetensors --source cifar10 \
        --image-size 160 --epochs 8 --warmup-epochs 0 --patch-dropout 0.5 0 \
        --patch-dropout-epochs 0 7 --validation-epochs 8 --xla on
"""

import dataclasses
import functools

from keras_vit.checkpoints import load, recognise
from keras_vit.data import open_source
from keras_vit.data.augment import chain, random_crop, random_flip
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run import Flip, Mixing, PatchDropout, RandomCrops, open_devices, run_recipe, train
from keras_vit.training import add_lora


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PatchDropout, RandomCrops, Flip, Mixing):
    """The recipe for fine-tuning."""

    weights: str = ""
    """A checkpoint: .safetensors, .npz, a folder that holds one, a .keras file, hf:owner/name."""
    source: str = ""
    """cifar10, folder:DIR, or any other source that keras-vit check-data opens."""
    data_dir: str | None = None
    """Folder of prepared TFDS sets; by default TFDS_DATA_DIR, else that of TFDS."""
    epochs: int = 6
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 1
    layer_decay: float = 0.75
    label_smoothing: float = 0.1
    image_size: int = 96
    """Side of the images in pixels, to which the positions are resized."""
    patch_size: int | None = None
    """Side of a patch in pixels, to which the kernel is resized; by default the checkpoint's."""
    probe: bool = False
    """Whether only the head is trained."""
    frozen_blocks: int = 0
    """Number of first blocks that, with the embedding, are not trained; 0 trains all."""
    lora_rank: int = 0
    """Rank of what is added to the kernels of the blocks (LoRA); 0 trains all weights."""
    lora_on: str = "qv"
    """What --lora-rank adapts: qv, queries and values; or all, every dense layer of the blocks."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""
    padding: int = 4
    """Largest random shift per 32 pixels of the side, for sets in memory such as cifar10."""
    run_dir: str = "runs/finetune"
    export_dir: str = "saved_models/finetune"

    def check(self):
        super().check()
        for name in ("weights", "source"):
            if not getattr(self, name):
                raise UserError(
                    f"`{name}` must be given: --weights vit.safetensors --source cifar10."
                )
        if self.lora_rank < 0 or self.lora_rank and (self.probe or self.frozen_blocks):
            raise UserError(
                "`lora_rank` must not be negative, nor be given beside `probe` or "
                "`frozen_blocks`: received "
                f"lora_rank={self.lora_rank}, probe={self.probe}, "
                f"frozen_blocks={self.frozen_blocks}."
            )
        if bool(self.probe) + (self.frozen_blocks != 0) + bool(self.freeze) > 1:
            raise UserError(
                "One of `probe`, `frozen_blocks` and `freeze` may be given: received "
                f"probe={self.probe}, frozen_blocks={self.frozen_blocks}, freeze={self.freeze!r}."
            )
        for name, least in (("frozen_blocks", 0), ("image_size", 1), ("padding", 0)):
            if getattr(self, name) < least:
                value = getattr(self, name)
                raise UserError(f"`{name}` must be at least {least}: received {value}.")


# The tests give it the weights of a tiny model.
SMOKE = (
    Config(source="digits", image_size=8, epochs=3, batch_size=32, head_epochs=1),
    Config(source="digits", image_size=16, epochs=2, batch_size=32, probe=True),
    Config(source="digits", image_size=8, epochs=2, batch_size=32, lora_rank=2, lora_on="all"),
    Config(source="digits", image_size=8, epochs=2, batch_size=32, lora_rank=2),
    Config(
        source="digits",
        image_size=8,
        epochs=2,
        batch_size=32,
        frozen_blocks=1,
        patch_dropout=(0.5, 0.0),
        patch_dropout_epochs=(0, 1),
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
    devices = open_devices(config)
    config = dataclasses.replace(config, freeze=_frozen(config))
    source = open_source(config.source, data_dir=config.data_dir)
    in_memory = source.splits["train"].image_shape is not None
    size = config.image_size
    if in_memory:
        splits = {name: split.resized(size) for name, split in source.splits.items()}
        source = dataclasses.replace(source, splits=splits)
        shift = config.padding * size // 32
        how = dict(augment=chain(*config.flips, functools.partial(random_crop, padding=shift)))
    else:
        how = dict(
            augment=random_flip if config.flip else None,
            crop=config.random_crop(size),
            preprocessing=Preprocessing(image_size=size, crop_ratio=0.875),
        )
    checkpoint = recognise(config.weights)
    print(f"{config.weights}: {checkpoint}")
    if config.frozen_blocks > checkpoint.architecture.config.depth:
        raise UserError(
            f"`frozen_blocks` must be at most {checkpoint.architecture.config.depth}, the depth: "
            f"received {config.frozen_blocks}."
        )
    return train(
        config,
        devices,
        source,
        lambda names: load(
            checkpoint,
            image_size=size,
            patch_size=config.patch_size,
            channels=source.splits["train"].channels,
            num_classes=len(names),
            class_names=names,
            drop_path=config.drop_path,
            patch_dropout=config.largest_patch_dropout,
        ),
        task=config.classification(source.class_names),
        adapt=functools.partial(add_lora, rank=config.lora_rank, on=config.lora_on)
        if config.lora_rank
        else None,
        callbacks=config.patch_dropout_callbacks,
        bigger=["python", "-m", "recipes.finetune", "--image-size", str(2 * size)]
        + ["--weights", config.weights, "--source", config.source],
        **how,
    )


def _frozen(config):
    """Returns the regular expression of the weights that are not trained."""
    if config.probe:
        return r"^(?!head/)"
    if config.frozen_blocks:
        blocks = "|".join(f"block{index:02d}" for index in range(config.frozen_blocks))
        return f"^(embed|pre_norm|{blocks})/"
    return config.freeze


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
