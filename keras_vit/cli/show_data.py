"""`keras-vit show-data`: draws what the model will see."""

import functools
import sys
from pathlib import Path
from typing import Literal

from keras_vit.cli.annotations import draw_boxes, with_masks
from keras_vit.cli.open_source import open_quietly
from keras_vit.errors import UserError
from keras_vit.files import atomic_write
from keras_vit.images.gallery import gallery_figure

DPI = 100
TITLE = 0.3  # inches above each image
Augmentation = Literal[
    "flip",
    "auto-augment",
    "auto-augment-cifar10",
    "rand-augment",
    "trivial-augment",
    "three-augment",
    "aug-mix",
]


def show_data(
    source: str,
    /,
    *,
    out: Path,
    size: int = 224,
    augment: Augmentation | None = None,
    columns: int = 8,
    rows: int = 4,
    split: str = "train",
    seed: int = 0,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Write a gallery of what the model will see, with class names, as one picture.

    Masks are laid over their pictures in colours, and boxes are drawn with their classes. Without
    augmentation, encoded pictures are resized and cropped in the middle. With it, they are first
    cropped at random, as in training.

    Args:
        source: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        out: The picture to write, for example gallery.png.
        size: Side of the images in pixels; images in memory keep their size.
        augment: The random augmentation of the images; none by default.
        columns: Images per row.
        rows: Rows of images.
        split: Which split to show.
        seed: Seed of the choice of images and of the augmentation.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split where a folder or table has none; 0.1 by default.
    """
    for name, value in {"--size": size, "--columns": columns, "--rows": rows}.items():
        if value < 1:
            raise UserError(f"{name} must be at least 1: received {value}.")
    if seed < 0:
        raise UserError(f"--seed must be at least 0: received {seed}.")
    _check_ending(out)
    from keras_vit.data.sample import named_key

    opened = open_quietly(source, data_dir=data_dir, test_fraction=test_fraction)
    if split not in opened.splits:
        raise UserError(f"--split must be one of {', '.join(opened.splits)}: received {split}.")
    count = min(columns * rows, opened.splits[split].count)
    sample = _some_samples(opened.splits[split], count, size, augment, seed)
    images, names = sample["image"], opened.class_names
    if "mask" in sample:
        images = with_masks(images, sample["mask"], names if named_key(sample) == "mask" else ())
    titles = [opened.class_name(label) for label in sample.get("label", ())]
    scale = max(images.shape[1:3]) / DPI + TITLE
    figure = gallery_figure(images, titles, columns=columns, scale=max(scale, 1))
    if "boxes" in sample:
        for shown in zip(figure.axes, sample["boxes"], sample["box_labels"], strict=False):
            draw_boxes(*shown, names)
    with atomic_write(out) as unfinished:
        figure.savefig(unfinished, format=out.suffix[1:].lower(), dpi=DPI)
    return 0


def _check_ending(out):
    from matplotlib.backend_bases import FigureCanvasBase

    endings = FigureCanvasBase.get_supported_filetypes()
    if out.suffix[1:].lower() not in endings:
        raise UserError(f"--out must end in one of .{', .'.join(endings)}: received {out}.")


def _some_samples(split, count, size, augment, seed):
    """Draws a batch of `count` samples as training would."""
    from keras_vit.data import BrokenPictures, centre_crop, inception_crop, train_batches
    from keras_vit.images.preprocessing import Preprocessing

    crop = None
    if not split.image_shape:
        whole = functools.partial(centre_crop, preprocessing=Preprocessing(image_size=size))
        crop = functools.partial(inception_crop, size=size) if augment else whole
    broken = BrokenPictures()
    batches = train_batches(
        split,
        batch_size=count,
        seed=seed,
        crop=crop,
        augment=_stage(augment) if augment else None,
        example=dict,
        broken=broken,
    )
    sample = next(batches.as_numpy_iterator())
    for path, reason in broken.reasons.items():
        print(f"keras-vit: {path} is passed over: {reason}", file=sys.stderr)
    return sample


def _stage(name):
    from keras_vit.data import augment

    return {
        "flip": augment.random_flip,
        "auto-augment": functools.partial(augment.auto_augment, policy=augment.IMAGENET_POLICY),
        "auto-augment-cifar10": functools.partial(
            augment.auto_augment, policy=augment.CIFAR10_POLICY
        ),
        "rand-augment": augment.rand_augment,
        "trivial-augment": augment.trivial_augment,
        "three-augment": augment.three_augment,
        "aug-mix": augment.aug_mix,
    }[name]
