"""Tables with a column of masks, from their files to a batch."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop, from_table, train_batches
from keras_vit.data.augment import random_flip
from keras_vit.data.check import check_source
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing


@pytest.fixture
def folder(tmp_path):
    """Four pictures that are white where their mask, a palette PNG, holds 7."""
    (tmp_path / "masks").mkdir()
    for index in range(4):
        ids = np.zeros((8, 12), "uint8")
        ids[index : index + 3, :5] = 7
        Image.fromarray(np.where(ids == 7, 255, 0).astype("uint8")).save(tmp_path / f"{index}.png")
        mask = Image.fromarray(ids)
        mask.putpalette(range(255, -1, -1))
        mask.save(tmp_path / "masks" / f"{index}.png")
    return tmp_path


def table(folder, rows, suffix):
    path = folder / f"table{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        lines = [",".join(row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *lines]))
    return path


def rows(**more):
    splits = ("train", "train", "train", "test")
    return [
        {"path": f"{i}.png", "mask": f"masks/{i}.png", "split": split}
        | {name: values[i] for name, values in more.items()}
        for i, split in enumerate(splits)
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_masks_are_read_and_moved_with_their_pictures(folder, suffix):
    source = from_table(table(folder, rows(), suffix))
    assert str(source) == "table: no labels, pictures of any size, 3 train, 1 test"
    assert source.notes == ("The pictures have masks and no labels.",)
    batches = train_batches(
        source.splits["train"],
        batch_size=3,
        seed=0,
        crop=functools.partial(centre_crop, preprocessing=Preprocessing(image_size=(8, 12))),
        augment=random_flip,
        example=dict,
    )
    flipped = set()
    for batch in batches.take(3).as_numpy_iterator():
        assert batch.keys() == {"image", "mask"}
        np.testing.assert_array_equal(batch["mask"] == 7, batch["image"][..., 0] == 255)
        flipped |= set((batch["mask"][:, :, 0].max(axis=1) == 0).tolist())
    assert flipped == {True, False}


def test_masks_may_stand_beside_labels(folder):
    source = from_table(table(folder, rows(label=["b", "a", "b", "a"]), ".csv"))
    assert source.class_names == ("a", "b")
    sample = source.splits["train"].read(tf.constant(0, tf.int64))
    assert sample.keys() == {"image", "label", "mask"} and int(sample["label"]) == 1
    report = check_source(source)
    assert report.is_good and report.splits["train"]["mask_classes"] == [0, 7]


def test_a_row_without_a_mask_is_named(folder):
    half = rows()
    half[1]["mask"] = ""
    with pytest.raises(UserError, match="table.csv, line 3, has no value in column 'mask'."):
        from_table(table(folder, half, ".csv"))
    source = from_table(table(folder, half, ".csv"), strict=False)
    assert source.splits["train"].count == 2 and len(source.faults) == 1
    other = [{"MASK" if name == "mask" else name: row[name] for name in row} for row in rows()]
    with pytest.raises(UserError, match="has a column 'MASK', which must be called 'mask'."):
        from_table(table(folder, other, ".csv"))
    half = rows(label=["b", "a", "b", ""])
    with pytest.raises(UserError, match="line 5, has no value in column 'label'."):
        from_table(table(folder, half, ".csv"))
