"""Folders of pictures with masks, from their files to a batch."""

import functools

import numpy as np
import pytest
from PIL import Image

from keras_vit.data import eval_batches, inception_crop, train_batches
from keras_vit.data.check import check_source
from keras_vit.data.sources import from_folder
from keras_vit.errors import UserError
from keras_vit.images.masks import decode_mask

SIZE = (24, 32)


def paint(root, split, count=3, palette=True):
    """Pictures whose left half is class 3 and red, and whose right half is class 11 and blue."""
    numbers = np.full(SIZE, 3, "uint8")
    numbers[:, 16:] = 11
    pixels = np.where(numbers[..., None] == 3, [255, 0, 0], [0, 0, 255]).astype("uint8")
    for folder in ("images", "masks"):
        (root / split / folder).mkdir(parents=True)
    for index in range(count):
        pixels[0, 0, 1] = 10 * len(split) + index  # no two pictures are equal
        Image.fromarray(pixels).save(root / split / "images" / f"{split}{index}.png")
        mask = Image.fromarray(numbers)
        if palette:
            mask.putpalette(range(255, -1, -1))
        mask.save(root / split / "masks" / f"{split}{index}.png")


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "val", "test"):
        paint(tmp_path / "street", split, palette=split == "train")
    return tmp_path / "street"


def test_masks_are_cropped_with_their_pictures(folder):
    source = from_folder(folder)
    assert str(source) == "street: no labels, pictures of any size, 3 train, 3 test, 3 val"
    assert source.notes[0] == "The pictures have masks and no labels."
    how = dict(
        batch_size=3, example=dict, crop=functools.partial(inception_crop, size=SIZE, area=(0.3, 1))
    )
    train = train_batches(source.splits["train"], seed=0, **how)
    for batches in (train.take(2), eval_batches(source.splits["test"], **how)):
        for batch in batches.as_numpy_iterator():
            assert batch["mask"].shape == (3, *SIZE) and set(np.unique(batch["mask"])) <= {3, 11}
            red, blue = batch["image"][..., 0] > 200, batch["image"][..., 2] > 200
            assert (batch["mask"][red] == 3).mean() > 0.99
            assert (batch["mask"][blue] == 11).mean() > 0.99


def test_masks_that_do_not_fit_are_listed(folder):
    report = check_source(from_folder(folder))
    assert report.is_good and report.splits["train"]["mask_classes"] == [3, 11]
    Image.new("L", (5, 6)).save(folder / "train/masks/train1.png")
    Image.new("RGB", SIZE[::-1]).save(folder / "test/masks/test0.png")
    report = check_source(from_folder(folder))
    assert [x["reason"] for x in report.bad_masks] == [
        "The mask has 5x6 pixels and the picture 32x24.",
        "A mask must have one channel or a palette: received an image of RGB.",
    ]
    assert not report.is_good and not report.broken


def test_pictures_without_masks_are_named(folder):
    (folder / "train/masks/train1.png").rename(folder / "train/masks/other.png")
    with pytest.raises(UserError, match=r"needs a mask: missing for 1 \(train/images/train1.png\)"):
        from_folder(folder)
    source = from_folder(folder, strict=False)
    assert source.splits["train"].count == 2 and len(source.faults) == 1
    assert "Masks without a picture, left out: 1 (train/masks/other.png)." in source.notes
    with pytest.raises(UserError, match="received test_fraction=0.5"):
        from_folder(folder, test_fraction=0.5)


def test_what_is_no_mask_is_a_sentence():
    with pytest.raises(UserError, match="The mask cannot be decoded: "):
        decode_mask(b"no picture")
