import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_vit.data.sources import EncodedSplit, SequentialSplit, Split, from_tfds, tfds_records
from keras_vit.images.decode import decode_picture

COUNTS = {"train": 40, "validation": 7}
real = pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR names no sets")


class KerasVitPictures(tfds.core.GeneratorBasedBuilder):
    """Pictures of differing size, each of one grey level, in order; found by its name."""

    VERSION = tfds.core.Version("1.0.0")
    SHAPE = (None, None, 3)

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.SHAPE, encoding_format="png"),
            "label": tfds.features.ClassLabel(names=["even", "odd"]),
            "mask": tfds.features.Image(),  # to be left alone
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, _):
        return {name: self._generate_examples(count) for name, count in COUNTS.items()}

    def _generate_examples(self, count):
        for i in range(count):
            image = np.full((4 + i, 5, 3), i, "uint8")
            yield i, {"image": image, "label": i % 2, "mask": image}


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def prepared(request, tmp_path_factory):
    """A folder of the set in one of the two formats, in four files."""
    folder = tmp_path_factory.mktemp(request.param)
    builder = KerasVitPictures(data_dir=folder, file_format=request.param)
    shards = tfds.download.DownloadConfig(num_shards=4)
    builder.download_and_prepare(download_config=shards)
    return request.param, folder


def levels(samples):
    pairs = [(int(decode_picture(x["image"])[0, 0, 0]), int(x["label"])) for x in samples]
    assert all(level % 2 == label for level, label in pairs)
    return [level for level, _ in pairs]


def read_all(split):
    samples = tf.data.Dataset.range(split.count).map(split.read, num_parallel_calls=2)
    return levels(samples.as_numpy_iterator())


def stream(split, seed, worker=0, workers=1):
    seed = seed if seed is None else tf.constant(seed, tf.int64)
    return levels(split.stream(seed, worker, workers).as_numpy_iterator())


def test_encoded_pictures_are_read_in_any_order(prepared):
    source = from_tfds("keras_vit_pictures", data_dir=prepared[1])
    what = "2 classes (even, odd), pictures of any size"
    assert str(source) == f"keras_vit_pictures: {what}, 40 train, 7 test"
    split = source.splits["train"]
    assert isinstance(split, EncodedSplit) and split.path(3) == "record 3 of train"
    assert split.read(tf.constant(0, tf.int64))["label"].dtype == tf.int64
    assert sorted(read_all(split)) == list(range(40))
    assert read_all(source.splits["test"]) == list(range(7))


class KerasVitManySplits(KerasVitPictures):
    """As `KerasVitPictures`, with splits of several names."""

    def _split_generators(self, _):
        names = ("train", "Testing", "validation", "extra")
        return {name: self._generate_examples(2) for name in names}


class KerasVitLabels(KerasVitPictures):
    """As `KerasVitPictures`, with a test split that has no labels, as TFDS writes them."""

    def _generate_examples(self, count):
        for i, example in super()._generate_examples(count):
            yield i, {**example, "label": -1 if count == COUNTS["validation"] else 0}


def test_splits_that_are_not_used_are_named(tmp_path, prepared):
    (note,) = from_tfds("keras_vit_pictures", data_dir=prepared[1]).notes
    assert note == "There is no test split: validation serves as one."
    options = dict(train="train[:70%]", test="train[70%:]")
    (note,) = from_tfds("keras_vit_pictures", data_dir=prepared[1], **options).notes
    assert note == "Splits that are not used: 1 (validation)."
    source = from_tfds("keras_vit_many_splits", data_dir=tmp_path)
    assert list(source.splits) == ["train", "val", "test"]
    assert source.splits["val"].count == source.splits["test"].count == 2
    assert source.notes == ("Splits that are not used: 1 (extra).",)
    source = from_tfds("keras_vit_many_splits", data_dir=tmp_path, train="train+validation")
    assert [split.count for split in source.splits.values()] == [4, 2]
    parts = dict(train="train[:1]", val="train[1:]", test="Testing")
    source = from_tfds("keras_vit_many_splits", data_dir=tmp_path, **parts)
    assert [split.count for split in source.splits.values()] == [1, 1, 2]


class KerasVitSquares(KerasVitPictures):
    """As `KerasVitPictures`, all of one size."""

    SHAPE = (4, 4, 3)

    def _generate_examples(self, count):
        for i, example in super()._generate_examples(count):
            yield i, {**example, "image": np.full(self.SHAPE, i, "uint8")}


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_images_of_one_size_are_decoded_from_either_format(tmp_path, file_format):
    KerasVitSquares(data_dir=tmp_path, file_format=file_format).download_and_prepare()
    split = from_tfds("keras_vit_squares", data_dir=tmp_path).splits["train"]
    sample = split.read(np.arange(split.count))
    assert isinstance(split, Split) and list(sample["image"][:, 0, 0, 0]) == list(range(40))
    assert list(sample["label"]) == [i % 2 for i in range(40)]


class KerasVitCompetition(KerasVitPictures):
    """As `KerasVitPictures`, with a test split that has no labels beside the validation split."""

    def _split_generators(self, _):
        counts = {**COUNTS, "test": 5}
        return {name: self._generate_examples(count) for name, count in counts.items()}

    def _generate_examples(self, count):
        for i, example in super()._generate_examples(count):
            yield i, {**example, "label": -1 if count == 5 else i % 2}


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
@pytest.mark.parametrize("limit", [2**30, 0])
def test_a_test_split_without_labels_gives_way_to_the_validation_split(
    tmp_path, file_format, limit
):
    KerasVitCompetition(data_dir=tmp_path, file_format=file_format).download_and_prepare()
    source = from_tfds("keras_vit_competition", data_dir=tmp_path, memory_limit=limit)
    assert source.splits["test"].count == COUNTS["validation"]
    assert source.notes == (
        "The split test has no labels: validation serves as the test.",
        "Splits that are not used: 1 (test).",
    )


def test_labels_of_tfds_that_are_no_class_are_refused(tmp_path):
    KerasVitLabels(data_dir=tmp_path, file_format="tfrecord").download_and_prepare()
    with pytest.raises(
        ValueError, match=r"must lie in \[0, 2\), .* received -1 in test of keras_v"
    ):
        from_tfds("keras_vit_labels", data_dir=tmp_path)


def test_splits_are_cut_as_tfds_cuts_them(prepared):
    splits = {"train": "train[:70%]", "test": "train[70%:]"}
    for limit in (2**30, 0):
        source = from_tfds("keras_vit_pictures", data_dir=prepared[1], memory_limit=limit, **splits)
        assert [split.count for split in source.splits.values()] == [28, 12]
        split = source.splits["test"]
        found = stream(split, None) if isinstance(split, SequentialSplit) else read_all(split)
        assert sorted(found) == list(range(28, 40))


def test_a_set_beyond_memory_needs_array_records_for_random_access(prepared):
    file_format, folder = prepared
    split = from_tfds("keras_vit_pictures", data_dir=folder, memory_limit=0).splits["train"]
    kinds = {"tfrecord": SequentialSplit, "array_record": EncodedSplit}
    assert isinstance(split, kinds[file_format]) and split.count == 40


@pytest.fixture
def row(prepared):
    file_format, folder = prepared
    if file_format == "array_record":
        pytest.skip("read in any order")
    return from_tfds("keras_vit_pictures", data_dir=folder, memory_limit=0).splits["train"]


def test_a_seed_fixes_the_order_and_nothing_else_does(row):
    assert stream(row, None) == list(range(40))
    first = stream(row, 3)
    assert sorted(first) == list(range(40)) and first != list(range(40))
    for global_seed in (0, 7):
        tf.random.set_seed(global_seed)
        assert stream(row, 3) == first
    assert stream(row, 4) != first
    seeds = tf.data.Dataset.from_tensors(np.int64(3))  # as a pipeline's epochs hand them over
    assert levels(seeds.flat_map(lambda seed: row.stream(seed)).as_numpy_iterator()) == first


def test_a_file_alone_is_shuffled_by_the_seed_too(prepared, row):
    one_file = {"train": "train[:25%]", "memory_limit": 0}
    split = from_tfds("keras_vit_pictures", data_dir=prepared[1], **one_file).splits["train"]
    orders = [stream(split, seed) for seed in (3, 4)]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]) == list(range(10))


def test_files_are_mixed_with_each_other(row, monkeypatch):
    monkeypatch.setattr(tfds_records, "SHUFFLE_BUFFER", 1)
    assert {level // 10 for level in stream(row, 3)[:4]} == {0, 1, 2, 3}


def test_workers_read_files_of_their_own(row):
    shares = [stream(row, 3, worker, 2) for worker in range(2)]
    assert [len(share) for share in shares] == [20, 20]
    assert sorted(shares[0] + shares[1]) == list(range(40))
    with pytest.raises(
        ValueError, match="received workers=5, and keras_vit_pictures has 4 of trai"
    ):
        row.stream(seed=None, worker=0, workers=5)


def test_a_set_of_varying_size_is_prepared_for_random_access(tmp_path):
    source = from_tfds("keras_vit_pictures", data_dir=tmp_path, memory_limit=0)
    assert isinstance(source.splits["train"], EncodedSplit)
    assert list(tmp_path.rglob("*.array_record-00000-of-00001"))


def test_a_set_of_one_size_is_held_in_memory():
    with tfds.testing.mock_data(num_examples=5):
        source = from_tfds("cifar10")
    assert (
        str(source) == "cifar10: 10 classes (0, 1, 2, 3, 4, ...), 32x32x3 pixels, 5 train, 5 test"
    )
    sample = source.splits["train"].read([0, 4])
    assert sample["image"].shape == (2, 32, 32, 3) and sample["label"].dtype == "int64"


def test_imagenet_of_tfds_is_encoded():
    with tfds.testing.mock_data(num_examples=5):
        source = from_tfds("imagenet2012")
    assert str(source).startswith("imagenet2012: 1,000 classes (n01440764, n01443537, n01484850, n")
    assert str(source).endswith(", ...), pictures of any size, 5 train, 5 test")
    sample = source.splits["test"].read(tf.constant(4, tf.int64))
    assert decode_picture(sample["image"].numpy()).shape[2] == 3 and 0 <= sample["label"] < 1000


@real
@pytest.mark.parametrize("name, size", [("cifar10", "32x32x3"), ("mnist", "28x28x1")])
def test_real_sets(name, size):
    train, test = {"cifar10": (50_000, 10_000), "mnist": (60_000, 10_000)}[name]
    source = from_tfds(name)
    assert str(source).endswith(f", {size} pixels, {train:,} train, {test:,} test")
    labels = source.splits["test"].read(np.arange(test))["label"]
    assert (np.bincount(labels) > 800).all()


@real
def test_real_cifar10_reads_the_same_pixels_in_each_way():
    splits = {"train": "test[:99%]", "test": "test[99%:]"}
    ways = [from_tfds("cifar10", memory_limit=limit, **splits) for limit in (2**30, 2**24, 0)]
    held, encoded, row = (source.splits["test"] for source in ways)
    assert [type(way) for way in (held, encoded, row)] == [Split, EncodedSplit, SequentialSplit]
    whole = held.read(np.arange(held.count))
    samples = [encoded.read(tf.constant(i, tf.int64)) for i in range(encoded.count)]
    for index, pair in enumerate(zip(samples, row.stream(), strict=True)):
        for sample in pair:
            image = tf.io.decode_image(sample["image"])
            np.testing.assert_array_equal(image, whole["image"][index])
            assert sample["label"] == whole["label"][index]


def test_a_set_that_cannot_be_used_is_a_sentence(tmp_path, prepared):
    with pytest.raises(ValueError, match="TFDS cannot open the set 'no_such_set': .+"):
        from_tfds("no_such_set", data_dir=tmp_path)
    with pytest.raises(ValueError, match="by hand into .*/manual, .*ILSVRC2012_img_train.tar and"):
        from_tfds("imagenet2012", data_dir=tmp_path)
    for split in ("tset", "train[", "train[:0%]"):
        with pytest.raises(ValueError, match=r"There is no split|holds no example") as error:
            from_tfds("keras_vit_pictures", data_dir=prepared[1], test=split)
        assert "\n" not in str(error.value)
    with tfds.testing.mock_data(num_examples=2):
        for name in ("imdb_reviews", "div2k"):
            with pytest.raises(
                ValueError, match=f"'{name}' of TFDS holds no images with labels, m"
            ):
                from_tfds(name)
