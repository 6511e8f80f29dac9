"""`keras-vit embed`: writes pictures as vectors, for retrieval."""

from pathlib import Path
from typing import Literal

import numpy as np

from keras_vit.cli.open_model import recognise_checkpoint
from keras_vit.cli.open_source import open_quietly
from keras_vit.cli.preprocessing import with_flags
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError
from keras_vit.files import atomic_write


def embed(
    source: str,
    /,
    *,
    model: str,
    out: Path,
    image_size: int | None = None,
    crop_ratio: float | None = None,
    interpolation: Literal["bicubic", "bilinear"] | None = None,
    batch_size: int = 64,
    neighbours: int = 20,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Write the features of every picture of a source, and test them by their nearest neighbours.

    The file holds `class_names` and for each split `<split>_features` (N, D), `<split>_labels` (N,)
    where there are labels and, for picture files, `<split>_paths` (N,). A picture needs 4 D bytes,
    also in memory. With labels, the command also prints an accuracy: the share of the test pictures
    that have the same class as most of their nearest training pictures by cosine.

    Args:
        source: digits, a folder, a .csv or .jsonl file, or the name of a TFDS set.
        model: A .keras file of ours, or a checkpoint as keras-vit import takes it.
        out: The .npz file to write.
        image_size: Side of the images in pixels; by default the model's.
        crop_ratio: Share of the short side of a picture file that the central crop keeps; by
            default that of the model, else all.
        interpolation: How picture files are resized; by default that of the model, else bicubic.
        batch_size: Images per call.
        neighbours: How many nearest training pictures vote for the class of a test picture.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of the test split where a folder or table has none; 0.1 by default.
    """
    if out.suffix != ".npz":
        raise UserError(f"--out must end in .npz: received {out}.")
    for name, value in {"--batch-size": batch_size, "--neighbours": neighbours}.items():
        if value < 1:
            raise UserError(f"{name} must be at least 1: received {value}.")
    opened = open_quietly(source, data_dir=data_dir, test_fraction=test_fraction)
    with quiet_stderr():
        from keras_vit.checkpoints import load
        from keras_vit.data import BrokenPictures, fitted_batches
        from keras_vit.run.features import embed as embed_split
    channels = {split.channels for split in opened.splits.values()}
    checkpoint = recognise_checkpoint(model)
    features = load(checkpoint, num_classes=0, image_size=image_size, channels=channels.pop())
    flags = dict(crop_ratio=crop_ratio, interpolation=interpolation)
    remembered = checkpoint.preprocessing.but(image_size=features.input_shape[1:3])
    preprocessing = with_flags(remembered, opened, opened.splits.values(), **flags)
    arrays = {"class_names": np.array(opened.class_names)}
    for name, split in opened.splits.items():
        broken = BrokenPictures()
        batches = fitted_batches(
            split, preprocessing, batch_size=batch_size, example=dict, broken=broken
        )
        found = embed_split(features, batches, name=name, steps=-(-split.count // batch_size))
        arrays[f"{name}_features"] = found.vectors
        if found.labels is not None:
            arrays[f"{name}_labels"] = found.labels
        if split.named:
            paths = (split.path(index) for index in range(split.count))
            arrays[f"{name}_paths"] = np.array([x for x in paths if x not in broken.reasons])
        broken.print_left_out()
    with atomic_write(out) as unfinished:
        np.savez(unfinished, **arrays)
    width = features.output_shape[-1]
    counts = ", ".join(f"{len(arrays[f'{name}_features']):,} {name}" for name in opened.splits)
    print(f"{out}: {width} numbers each of {counts}")
    if {"train_labels", "test_labels"} <= arrays.keys():
        print(_neighbours(arrays, min(neighbours, len(arrays["train_labels"]))))
    return 0


def _neighbours(arrays, count):
    """Returns a sentence on how many test pictures their nearest training pictures classify."""
    from keras_vit.run.features import Features, nearest_neighbours

    train = Features(arrays["train_features"], arrays["train_labels"])
    classifier = nearest_neighbours(train, count)
    accuracy = classifier.score(arrays["test_features"], arrays["test_labels"])
    return f"{count} nearest neighbours name {accuracy:.2%} of the test pictures correctly"
