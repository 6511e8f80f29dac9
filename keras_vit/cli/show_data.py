"""`keras-vit show-data`: draws what the model will see."""

import functools
import sys
from pathlib import Path

from keras_vit.cli.annotations import draw_boxes, with_masks
from keras_vit.cli.open_source import open_quietly
from keras_vit.errors import UserError
from keras_vit.files import atomic_write
from keras_vit.images.gallery import DPI, TILE, gallery_figure
from keras_vit.progress import doing
from keras_vit.run.augmentation import AugmentationName


def show_data(
    source: str,
    /,
    *,
    out: Path,
    size: int = 224,
    augment: AugmentationName | None = None,
    augment_strength: float | None = None,
    flip: bool = False,
    erasing: float = 0.0,
    columns: int = 8,
    rows: int = 4,
    split: str = "train",
    seed: int = 0,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Write a gallery of what the model will see, with class names, as one picture.

    Masks are laid over their pictures in colours, and boxes are drawn with their classes. Without
    augmentation, encoded pictures are resized and cropped in the middle. With `--augment`, `--flip`
    or `--erasing`, they are first cropped at random, as in training.

    Args:
        source: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        out: The picture to write, for example gallery.png.
        size: Side of the images in pixels; images in memory keep their size.
        augment: The random augmentation, as recipes take it; `none` crops at random, and no more.
        augment_strength: Strength of --augment on the scale of its paper; by default the usual one.
        flip: Whether half of the images are mirrored.
        erasing: Share of the images in which a rectangle is erased.
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
    stages = _stages(augment, augment_strength, flip, erasing)
    from keras_vit.data.sample import named_key

    opened = open_quietly(source, data_dir=data_dir, test_fraction=test_fraction)
    if split not in opened.splits:
        raise UserError(f"--split must be one of {', '.join(opened.splits)}: received {split}.")
    count = min(columns * rows, opened.splits[split].count)
    with doing("drawing pictures"):
        sample = _some_samples(opened.splits[split], count, size, stages, seed)
    images, names = sample["image"], opened.class_names
    if "mask" in sample:
        images = with_masks(images, sample["mask"], names if named_key(sample) == "mask" else ())
    titles = [opened.class_name(label) for label in sample.get("label", ())]
    tile = max(TILE, *images.shape[1:3])
    figure = gallery_figure(images, titles, columns=columns, tile=tile)
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


def _some_samples(split, count, size, stages, seed):
    """Draws a batch of `count` samples; as training would unless `stages` is `None`."""
    from keras_vit.data import BrokenPictures, centre_crop, inception_crop, train_batches
    from keras_vit.images.preprocessing import Preprocessing
    from keras_vit.run.augmentation import in_a_row

    crop = None
    if not split.image_shape:
        whole = functools.partial(centre_crop, preprocessing=Preprocessing(image_size=size))
        crop = functools.partial(inception_crop, size=size) if stages is not None else whole
    broken = BrokenPictures()
    batches = train_batches(
        split,
        batch_size=count,
        seed=seed,
        crop=crop,
        augment=in_a_row(stages or []),
        example=dict,
        broken=broken,
    )
    sample = next(batches.as_numpy_iterator())
    for path, reason in broken.reasons.items():
        print(f"keras-vit: {path} is passed over: {reason}", file=sys.stderr)
    return sample


def _stages(augment, strength, flip, erasing):
    """Returns the stages of a training as a list, `None` where no flag asks for any."""
    from keras_vit.data.augment import random_flip
    from keras_vit.run.augmentation import check_strength, erasing_stages, policy_stages

    check_strength(augment or "none", strength)
    if not 0 <= erasing <= 1:
        raise UserError(f"--erasing must lie in [0, 1]: received {erasing}.")
    if not (augment or flip or erasing):
        return None
    flips = [random_flip] if flip else []
    return [*flips, *policy_stages(augment or "none", strength), *erasing_stages(erasing)]
