"""Sets of TensorFlow Datasets with masks and boxes."""

import functools

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_vit.data import centre_crop, train_batches
from keras_vit.data.augment import random_flip
from keras_vit.data.check import check_source
from keras_vit.data.sources import EncodedSplit, SequentialSplit, Split, from_tfds
from keras_vit.data.sources.tfds_features import MAX_BOXES, choose_features
from keras_vit.images.preprocessing import Preprocessing

SIZE = 8, 12
NAMES = ["ape", "zebra"]


def bbox(left, top, right, bottom):
    return tfds.features.BBox(top / SIZE[0], left / SIZE[1], bottom / SIZE[0], right / SIZE[1])


class KerasVitScenes(tfds.core.GeneratorBasedBuilder):
    """Pictures that are white, and whose mask is 1, within the first of their boxes."""

    VERSION = tfds.core.Version("1.0.0")
    SHAPE = (None, None, 3)
    KEYS = ("image", "segmentation_mask", "objects")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.SHAPE, encoding_format="png"),
            "segmentation_mask": tfds.features.Image(
                shape=(*self.SHAPE[:2], 1), encoding_format="png", use_colormap=True
            ),
            "objects": tfds.features.Sequence(
                {
                    "bbox": tfds.features.BBoxFeature(),
                    "label": tfds.features.ClassLabel(names=NAMES),
                    "is_crowd": np.bool_,
                }
            ),
            "label": tfds.features.ClassLabel(names=["day", "night", "dusk"]),
        }
        features = {key: features[key] for key in self.KEYS}
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
        )

    def _split_generators(self, _):
        return {name: self._generate_examples(name) for name in ("train", "validation", "test")}

    def _generate_examples(self, split):
        for i in range(6):
            left, top = i, i % 3
            mask = np.zeros((*SIZE, 1), "uint8")
            mask[top : top + 4, left : left + 5] = 1
            objects = [
                {"bbox": bbox(left, top, left + 5, top + 4), "label": 1, "is_crowd": False},
                {"bbox": bbox(0, 0, 12, 8), "label": 0, "is_crowd": True},
                {"bbox": bbox(0, 0, 12, 8), "label": 0, "is_crowd": False},
            ]
            example = {
                "image": np.repeat(mask * 255, 3, axis=2),
                "segmentation_mask": mask,
                "objects": [] if split == "test" else objects[: 3 * (i > 0)],
                "label": i % 3,
            }
            yield i, {key: example[key] for key in self.KEYS}


class KerasVitSameScenes(KerasVitScenes):
    """As `KerasVitScenes`, all of one size."""

    SHAPE = (*SIZE, 3)


class KerasVitLabelledScenes(KerasVitScenes):
    """As `KerasVitScenes`, with a label for each picture."""

    KEYS = ("image", "segmentation_mask", "objects", "label")


class KerasVitMasks(KerasVitScenes):
    """As `KerasVitScenes`, with masks only."""

    KEYS = ("image", "segmentation_mask")


WAYS = {
    ("keras_vit_scenes", "tfrecord", 2**30): EncodedSplit,
    ("keras_vit_scenes", "tfrecord", 0): SequentialSplit,
    ("keras_vit_scenes", "array_record", 0): EncodedSplit,
    ("keras_vit_same_scenes", "tfrecord", 2**30): Split,
    ("keras_vit_same_scenes", "array_record", 2**30): Split,
}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_masks_and_boxes_are_moved_with_their_pictures(tmp_path, way):
    name, file_format, limit = way
    tfds.builder(name, data_dir=tmp_path, file_format=file_format).download_and_prepare()
    source = from_tfds(name, data_dir=tmp_path, memory_limit=limit)
    assert source.class_names == ("ape", "zebra") and source.splits["test"].count == 6
    assert source.notes[0] == "The split test has no labels: validation serves as the test."
    split = source.splits["train"]
    assert isinstance(split, WAYS[way])
    assert split.keys == {"image", "mask", "boxes", "box_labels"}
    whole = functools.partial(centre_crop, preprocessing=Preprocessing(image_size=SIZE))
    how = dict(batch_size=6, seed=0, augment=random_flip, example=dict)
    batches = train_batches(split, crop=None if split.image_shape else whole, **how)
    lefts, empty = set(), 0
    for batch in batches.take(3).as_numpy_iterator():
        assert batch["boxes"].shape == (6, MAX_BOXES, 4)
        np.testing.assert_array_equal(batch["mask"] == 1, batch["image"][..., 0] == 255)
        for mask, boxes, labels in zip(
            *map(batch.get, ("mask", "boxes", "box_labels")), strict=True
        ):
            empty += labels[0] == -1
            if labels[0] == -1:
                continue
            assert labels[:4].tolist() == [1, 0, -2, -1]  # the crowd comes last
            rows, columns = np.nonzero(mask)
            hull = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            whole = (0, 0, 12, 8)
            np.testing.assert_allclose(boxes[:4], [hull, whole, whole, [0] * 4], atol=1e-3)
            lefts.add(int(hull[0]))
    assert len(lefts) > 3 and empty == 3
    report = check_source(source)
    train = report.splits["train"]
    assert (train["boxes"], train["ignored_boxes"]) == (15, 5)
    assert not report.bad_boxes and not report.bad_masks


def test_where_pictures_have_labels_boxes_of_other_classes_are_left_out(tmp_path):
    source = from_tfds("keras_vit_labelled_scenes", data_dir=tmp_path)
    assert source.class_names == ("day", "night", "dusk")
    assert source.splits["train"].keys == {"image", "label", "mask"}
    source = from_tfds("keras_vit_masks", data_dir=tmp_path)
    assert source.class_names == () and source.splits["train"].keys == {"image", "mask"}


@pytest.mark.parametrize(
    "name, names",
    [
        ("coco/2017", {"image": "image", "boxes": "objects"}),
        ("voc/2012", {"image": "image", "boxes": "objects"}),
        ("oxford_iiit_pet", {"image": "image", "label": "label", "mask": "segmentation_mask"}),
        ("cifar10", {"image": "image", "label": "label"}),
    ],
)
def test_sets_of_the_catalogue_are_understood(tmp_path, name, names):
    assert choose_features(tfds.builder(name, data_dir=tmp_path), name) == names
