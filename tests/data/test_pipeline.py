import functools
import io
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import (
    BrokenPictures,
    EncodedSplit,
    SequentialSplit,
    Split,
    draw,
    eval_batches,
    fitted_batches,
    inception_crop,
    train_batches,
)
from keras_vit.data.augment import chain, layer_stage, mix
from keras_vit.images.preprocessing import Preprocessing

EIGHT = Preprocessing(image_size=8, crop_ratio=0.875)
COUNT = 10
RNG = np.random.default_rng(0)
PIXELS = Split.in_memory(RNG.integers(0, 256, (COUNT, 8, 8, 3)).astype("uint8"), np.arange(COUNT))


def add(pixels, numbers, channel):
    """Adds numbers to a channel, modulo 256."""
    numbers = tf.cast(numbers % 256, tf.uint8)[..., None, None, None]
    return pixels + numbers * tf.one_hot(channel, 3, dtype=tf.uint8)


# What stands for crops, augmentation and mixing: each shows its keys, and is quick to trace.


def red_crop(sample, key):
    image = tf.io.decode_png(sample["image"], channels=3)[:8, :8]
    return sample | {"image": add(tf.ensure_shape(image, (8, 8, 3)), key, channel=0)}


def green_stage(sample, keys):
    return sample | {"image": add(sample["image"], keys, channel=1)}


def blue_mix(images, labels, keys):
    """Adds the keys of neighbours to each other, and joins their labels."""
    places = tf.range(tf.size(labels)) ^ 1
    return add(images, tf.gather(keys, places), channel=2), tf.stack(
        [labels, tf.gather(labels, places)], axis=1
    )


def encode(pixels, format):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


FILES = [
    encode(RNG.integers(0, 256, (12, 9 + i, 3)).astype("uint8"), "JPEG" if i % 3 else "PNG")
    for i in range(COUNT)
]


def encoded(files=FILES, labels=None):
    with tf.device("CPU"):
        data = tf.constant(files)
        labels = tf.constant(range(len(files)) if labels is None else labels, tf.int64)

    def read(index):
        return {"image": tf.gather(data, index), "label": tf.gather(labels, index)}

    return EncodedSplit(len(files), read, "file{}".format)


def shuffle(records, seed):
    """Shuffles a few records; `tf.data`'s own shuffle asks for the global seed, too."""
    if seed is None:
        return records

    def permute(sample):
        places = tf.random.experimental.stateless_shuffle(
            tf.range(tf.size(sample["label"])), [seed, 0]
        )
        return {name: tf.gather(values, places) for name, values in sample.items()}

    return records.batch(5).map(permute).unbatch()


def stream_in_two_files(seed, worker, workers):
    files = [FILES[:5], FILES[5:]][worker::workers]
    labels = [list(range(5)), list(range(5, 10))][worker::workers]
    samples = {"image": sum(files, []), "label": np.array(sum(labels, []))}
    return shuffle(tf.data.Dataset.from_tensor_slices(samples), seed)


SPLITS = {
    "pixels": (PIXELS, None),
    "encoded": (encoded(), red_crop),
    "sequential": (SequentialSplit(COUNT, stream_in_two_files), red_crop),
}
every_split = pytest.mark.parametrize("kind", SPLITS)
random_access = pytest.mark.parametrize("kind", ["pixels", "encoded"])


def batches_of(kind, **arguments):
    split, crop = SPLITS[kind]
    return train_batches(
        split, **{"batch_size": 4, "seed": 7, "augment": green_stage, "crop": crop, **arguments}
    )


def arrays(batches, count):
    return [tuple(map(np.asarray, batch)) for batch in itertools.islice(batches, count)]


def take(kind, count, **arguments):
    return arrays(batches_of(kind, **arguments), count)


# What several tests look at is made once: a pipeline costs half a second.


@functools.cache
def training(kind):
    return batches_of(kind)


@functools.cache
def six_epochs(kind):
    return arrays(training(kind), 15)


@functools.cache
def evaluation(kind):
    split, crop = SPLITS[kind]
    return eval_batches(split, batch_size=4, crop=crop)


def assert_same(first, second):
    assert len(first) == len(second)
    for left, right in zip(first, second, strict=True):
        for x, y in zip(left, right, strict=True):
            np.testing.assert_array_equal(x, y)


@every_split
def test_every_epoch_sees_every_example_once_in_an_order_of_its_own(kind):
    labels = np.concatenate([batch[1] for batch in six_epochs(kind)]).reshape(6, COUNT)
    np.testing.assert_array_equal(np.sort(labels, axis=1), np.tile(np.arange(COUNT), (6, 1)))
    assert len(np.unique(labels, axis=0)) == 6


def test_batches_are_uint8_images_with_their_own_labels():
    for images, labels in take("pixels", 5, augment=None):
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, PIXELS.read(labels)["image"])


@every_split
def test_a_seed_fixes_the_stream_and_another_changes_it(kind):
    first, second, other = six_epochs(kind)[:5], take(kind, 5), take(kind, 5, seed=8)
    assert_same(first, second)
    assert any((a[1] != b[1]).any() for a, b in zip(first, other, strict=True))


@every_split
def test_the_stream_starts_at_any_step(kind):
    for start in (1, 7):
        assert_same(take(kind, 15 - start, start_step=start), six_epochs(kind)[start:])


@random_access
def test_a_far_step_costs_nothing(kind):
    assert take(kind, 1, start_step=10**12)[0][0].shape == (4, 8, 8, 3)


@every_split
def test_the_stream_does_not_depend_on_parallelism(kind):
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    assert_same(arrays(training(kind).with_options(options), 8), six_epochs(kind)[:8])


@every_split
def test_no_tuner_holds_back_what_is_given_up(kind):
    for batches in (training(kind), evaluation(kind), evaluation(kind).take(1)):
        assert batches.options().autotune.enabled is False


@random_access
@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_workers_shares_together_are_the_stream_of_one(kind, workers):
    options = dict(batch_size=8, repeats=2, mix=blue_mix)
    shares = [take(kind, 5, worker=w, workers=workers, **options) for w in range(workers)]
    together = [
        tuple(np.concatenate(parts) for parts in zip(*batch, strict=True))
        for batch in zip(*shares, strict=True)
    ]
    assert_same(together, take(kind, 5, **options))


def test_workers_of_a_sequential_split_read_files_of_their_own():
    for worker, labels in ((0, range(5)), (1, range(5, 10))):
        batches = take("sequential", 5, worker=worker, workers=2, batch_size=2)
        assert sorted(np.concatenate([batch[1] for batch in batches])) == list(labels)


@every_split
def test_the_augmentation_differs_from_place_to_place(kind):
    split, crop = SPLITS[kind]
    if kind == "sequential":
        one = SequentialSplit(1, lambda seed, worker, workers: split.stream(seed, 0, 1).take(1))
    elif kind == "encoded":
        one = encoded(FILES[:1])
    else:
        one = Split.in_memory(np.asarray(PIXELS.read([0])["image"]), [0])
    batches = train_batches(one, batch_size=1, seed=0, crop=crop, augment=green_stage)
    images = np.concatenate([image for image, _ in arrays(batches, 4)])
    for channel, change in enumerate((crop, green_stage)):
        assert len(np.unique(images[..., channel], axis=0)) == (4 if change else 1)


@random_access
def test_repeats_stand_in_one_batch_each_changed_on_its_own(kind):
    batches = take(kind, 5, repeats=2)
    counts = np.stack([np.bincount(labels, minlength=COUNT) for _, labels in batches])
    assert (counts.max(1) == 2).all() and (counts.sum(1) == 4).all()
    np.testing.assert_array_equal(counts.sum(0), 2)  # five batches of two pass through the ten
    images, labels = batches[0]
    first, second = images[labels == labels[0]]
    assert (first != second).any()
    neighbours = [labels[0::2] != labels[1::2] for _, labels in batches]
    assert np.all(neighbours)  # what mixup and cutmix blend are different pictures


@random_access
def test_repeats_that_do_not_divide_the_batch_fill_it_all_the_same(kind):
    for _, labels in take(kind, 4, repeats=3, batch_size=8):
        assert sorted(np.unique(labels, return_counts=True)[1]) == [2, 3, 3]


def test_what_mixes_gets_keys_of_its_own():
    def show(images, labels, keys):
        return images, tf.stack([tf.cast(labels, tf.uint64), keys], 1)

    seen = np.concatenate([labels[:, 1] for _, labels in take("pixels", 5, mix=show)])
    assert len(np.unique(seen)) == 20


@every_split
def test_evaluation_reads_everything_once_in_order(kind):
    batches = arrays(evaluation(kind), None)
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), np.arange(COUNT))
    images = np.concatenate([b[0] for b in batches])
    if kind == "pixels":
        np.testing.assert_array_equal(images, PIXELS.read(range(COUNT))["image"])
    else:
        key = np.uint64(0)  # evaluation draws nothing
        np.testing.assert_array_equal(
            images, [red_crop({"image": file}, key)["image"] for file in FILES]
        )


# Broken pictures

BROKEN = (0, 3, 4, 9)
DAMAGED = [b"" if i == 0 else f[: len(f) // 2] if i in BROKEN else f for i, f in enumerate(FILES)]
CROP = functools.partial(inception_crop, size=8, area=(0.99, 1.0))


def damaged_stream(seed, worker, workers):
    samples = {"image": DAMAGED, "label": np.arange(COUNT)}
    return shuffle(tf.data.Dataset.from_tensor_slices(samples), seed)


def damaged_batches(count, broken=None, **arguments):
    arguments = {"batch_size": 4, "seed": 7, "crop": red_crop, **arguments}
    return arrays(train_batches(encoded(DAMAGED), broken=broken, **arguments), count)


@functools.cache
def damaged():
    return damaged_batches(8)


def test_others_stand_in_for_broken_pictures_and_each_is_noted_with_its_path_and_reason():
    broken = BrokenPictures()
    batches = damaged_batches(5, broken, crop=CROP)  # two epochs
    assert [len(labels) for _, labels in batches] == [4] * 5
    assert not set(BROKEN) & set(np.concatenate([labels for _, labels in batches]))
    assert set(broken.reasons) == {f"file{i}" for i in BROKEN}
    assert broken.reasons["file0"] == "The picture is no image: it is empty."
    assert "runcated" in broken.reasons["file4"]
    assert broken.collect() == broken.reasons and not broken.collect()


def test_good_pictures_keep_their_place_among_broken_ones():
    clean = take("encoded", 8, augment=None)
    for (images, labels), (whole, true) in zip(damaged(), clean, strict=True):
        good = ~np.isin(true, BROKEN)
        np.testing.assert_array_equal(labels[good], true[good])
        np.testing.assert_array_equal(images[good], whole[good])


def test_a_stream_with_broken_pictures_is_a_pure_function_all_the_same():
    for start in (1, 6):
        assert_same(damaged_batches(8 - start, start_step=start), damaged()[start:])
    shares = [damaged_batches(8, worker=worker, workers=2) for worker in (0, 1)]
    together = [
        tuple(np.concatenate(parts) for parts in zip(*batch, strict=True))
        for batch in zip(*shares, strict=True)
    ]
    assert_same(together, damaged())


@pytest.mark.parametrize("stream", [None, damaged_stream])
def test_evaluation_leaves_broken_pictures_out_and_notes_them(stream):
    broken = BrokenPictures()
    split = SequentialSplit(COUNT, stream) if stream else encoded(DAMAGED)
    labels = [b[1] for b in eval_batches(split, batch_size=4, crop=red_crop, broken=broken)]
    np.testing.assert_array_equal(
        np.concatenate(labels), [i for i in range(COUNT) if i not in BROKEN]
    )
    assert len(broken.reasons) == len(BROKEN)


def test_a_sequential_stream_goes_on_behind_broken_pictures():
    broken = BrokenPictures()
    split = SequentialSplit(COUNT, damaged_stream)
    batches = train_batches(split, batch_size=4, seed=7, crop=red_crop, broken=broken)
    labels = np.concatenate([labels for _, labels in itertools.islice(batches, 6)])
    assert not set(BROKEN) & set(labels) and len(labels) == 24
    assert len(broken.collect()) >= 8


def test_a_split_of_broken_pictures_alone_is_refused():
    with pytest.raises(ValueError, match="None of 100 pictures can be read; the last is file"):
        train_batches(encoded([b"", b"no"]), batch_size=1, seed=0, crop=red_crop)


def test_a_split_whose_files_vanish_stops_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_vit.data.splits.encoded.HEARTBEAT", 8)
    paths = [tmp_path / f"{i}.jpg" for i in range(3)]
    for path, file in zip(paths, FILES, strict=False):
        path.write_bytes(file)
    names = tf.constant([str(path) for path in paths])
    split = EncodedSplit(3, lambda i: {"image": tf.io.read_file(names[i])}, lambda i: str(paths[i]))
    batches = iter(train_batches(split, batch_size=2, seed=0, crop=red_crop, example=dict))
    next(batches)
    for path in paths:
        path.unlink()
    with pytest.raises(tf.errors.OpError, match="None of 100 pictures can be read"):
        for _ in range(10_000):
            next(batches)


# Mistakes


@random_access
def test_a_batch_of_more_than_there_is_is_refused(kind):
    with pytest.raises(ValueError, match="batch_size=11, 10 examples"):
        take(kind, 1, batch_size=11)


@pytest.mark.parametrize("build", [eval_batches, functools.partial(train_batches, seed=0)])
def test_a_batch_of_nothing_is_refused(build):
    with pytest.raises(ValueError, match="batch_size=0"):
        build(PIXELS, batch_size=0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"workers": 3}, "received workers=3, batch_size=4"),
        ({"worker": 2, "workers": 2}, r"must lie in \[0, 2\): received worker=2"),
        ({"repeats": 0}, "received repeats=0"),
        ({"workers": 4, "mix": mix}, "must be even: received batch_size=4, workers=4"),
        ({"crop": CROP}, "Crops are for pictures in files"),
        ({"start_step": 1, "augment": layer_stage(abs)}, "received start_step=1"),
        ({"workers": 2, "augment": chain(functools.partial(layer_stage(abs)))}, "workers=2"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_batches(PIXELS, **{"batch_size": 4, "seed": 0, **arguments})


def test_an_encoded_split_without_a_crop_is_refused():
    for build in (eval_batches, functools.partial(train_batches, seed=0)):
        with pytest.raises(ValueError, match="needs `crop`"):
            build(encoded(), batch_size=2)


@every_split
def test_some_are_drawn_each_once_and_by_the_seed(kind):
    split, _ = SPLITS[kind]

    def drawn(count, seed):
        some = draw(split, count, seed)
        if isinstance(some, SequentialSplit):
            labels = [x["label"] for x in some.stream(seed=None, worker=0, workers=1)]
        elif isinstance(some, EncodedSplit):
            labels = [some.read(index)["label"] for index in range(some.count)]
        else:
            labels = some.read(range(some.count))["label"]
        assert len(labels) == some.count
        return list(map(int, labels))

    assert sorted(drawn(COUNT + 1, 0)) == list(range(COUNT))
    first, other = drawn(COUNT - 1, 0), drawn(COUNT - 1, 1)
    assert len(set(first)) == COUNT - 1 and first == drawn(COUNT - 1, 0) != other


def test_what_is_drawn_keeps_its_path():
    damaged = encoded([b"no picture" if i == 3 else file for i, file in enumerate(FILES)])
    broken = BrokenPictures()
    split = draw(damaged, COUNT - 1, 1)
    labels = [y for _, ys in fitted_batches(split, EIGHT, batch_size=3, broken=broken) for y in ys]
    assert len(labels) == COUNT - 2 and list(broken.reasons) == ["file3"]
