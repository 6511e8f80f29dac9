"""ImageNet-1k from scratch: ViT-S/16 at 224 pixels, by two published recipes.

    python -m recipes.imagenet --preset plain --data imagenet2012
    python -m recipes.imagenet --preset deit --data /data/imagenet

`--data` is a folder with `train/<synset>/` and `val/<synset>/`, or the name of the set in
TensorFlow Datasets, which needs files that you download by hand and prints where to put them.
ImageNet's validation split serves as the test split and is watched between epochs, as in the
papers; nothing is chosen by it, and the last epoch is exported.

`plain` is "Better plain ViT baselines for ImageNet-1k" (arXiv:2205.01580, section 3 and table 1):
76.5 % after 90 epochs with its MLP head, 76.7 % with a linear one, as here. Its weight decay of
1e-4 does not depend on the learning rate; Keras' AdamW multiplies decay and rate, so at a rate of
1e-3 it is 0.1. It warms up for 10,000 steps, which are 8 epochs, and trains on 99 % of the
training images; here it is all of them. Its RandAugment draws from 16 operations, here from the 14
of RandAugment's paper; it resizes by area in evaluation, here bicubically.

`deit` is DeiT-S of "Training data-efficient image transformers" (arXiv:2012.12877, table 9): 79.9 %
after 300 epochs. Its rate of 5e-4 belongs to a batch of 512. It warms up from 1e-6 and ends at
1e-5; here both are 0. It resizes training crops bicubically, here bilinearly.

Neither has been measured by us: 90 epochs took 6 to 7 hours on a TPU v3-8 in the paper. Recipe and
pipeline are tested on small stand-ins.
"""

import dataclasses

from keras_vit.run import Augmentation, AugmentationName, Mixing, RandomCrops, run_recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RandomCrops, Augmentation, Mixing):
    """The flags that both recipes share."""

    data: str = "imagenet2012"
    """A folder, or the name of a TFDS set."""
    data_dir: str | None = None
    """Folder of prepared TFDS sets; by default TFDS_DATA_DIR, else that of TFDS."""
    val_fraction: float | None = 0.0
    batch_size: int = 1024
    learning_rate: float = 1e-3
    model: str = "S/16"
    """Size of the model and side of a patch, such as S/16."""
    image_size: int = 224
    """Side of the images in pixels."""
    smallest_crop: float = 0.08
    crop_ratio: float = 0.875
    """Share of the short side that evaluation keeps."""
    class_token: bool
    """Whether the head reads a class token; otherwise it reads the mean of the patches."""
    position: str
    """learned, sincos_2d, sincos_1d or none."""
    mean: tuple[float, ...]
    """Mean of the pixels, from 0 to 1."""
    std: tuple[float, ...]
    """Standard deviation of the pixels, from 0 to 1."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""
    run_dir: str = "runs/imagenet"
    export_dir: str = "saved_models/imagenet"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain(Config):
    """Better plain ViT baselines, 90 epochs."""

    epochs: int = 90
    weight_decay: float = 0.1
    warmup_epochs: int = 8
    mixup: float = 0.2
    smallest_crop: float = 0.05
    class_token: bool = False
    position: str = "sincos_2d"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    augment: AugmentationName = "rand-augment"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeiT(Config):
    """DeiT-S, 300 epochs."""

    epochs: int = 300
    weight_decay: float = 0.05
    warmup_epochs: int = 5
    clip_norm: float = 0.0
    label_smoothing: float = 0.1
    mixup: float = 0.8
    cutmix: float = 1.0
    repeats: int = 3
    class_token: bool = True
    position: str = "learned"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    augment: AugmentationName = "rand-augment-timm"
    erasing: float = 0.25
    drop_path: float = 0.1


PRESETS = {"plain": Plain, "deit": DeiT}
TINY = dict(epochs=1, batch_size=8, warmup_epochs=0, model="mu/16", image_size=32)
SMOKE = (Plain(**TINY), DeiT(**TINY))


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
    from keras_vit.data import open_source
    from keras_vit.images.preprocessing import Preprocessing
    from keras_vit.models import vit
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import classifier

    devices = open_devices(config)
    source = open_source(config.data, data_dir=config.data_dir)
    return train(
        config,
        devices,
        source,
        lambda names: classifier(
            vit(
                config.model,
                image_size=config.image_size,
                class_token=config.class_token,
                position=config.position,
                mean=config.mean,
                std=config.std,
                drop_path=config.drop_path,
            ),
            len(names),
            class_names=names,
        ),
        task=config.classification(source),
        crop=config.random_crop(config.image_size),
        preprocessing=Preprocessing(image_size=config.image_size, crop_ratio=config.crop_ratio),
        augment=config.stages(*config.flips, mean=config.mean, std=config.std),
        bigger=["python", "-m", "recipes.imagenet", "--model", "B/16"],
    )


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
