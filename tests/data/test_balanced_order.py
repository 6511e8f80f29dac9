"""Balanced sampling: what holds at each place, for any start, worker and number of repeats."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import BrokenPictures, EncodedSplit, SequentialSplit, Split, train_batches
from keras_vit.data.balanced_order import OF_CLASS, BalancedOrder, training_order

LABELS = np.array([0] * 11 + [5] * 3 + [2] + [0, 2, 5, 5] * 2)  # 13, 7 and 3; others have none
COUNT = len(LABELS)
NUMBER = {0: 13, 2: 3, 5: 7}
assert collections.Counter(LABELS.tolist()) == NUMBER


def order(labels=LABELS, batch_size=6, seed=3, **more):
    return BalancedOrder(len(labels), batch_size, seed, **more, labels=labels)


def first(count, **more):
    """Returns the indices at the first places of the whole stream."""
    return np.asarray(order(**more).indices(tf.range(count, dtype=tf.int64)))


@pytest.mark.parametrize("seed", range(4))
def test_a_class_is_less_than_one_off_its_share_at_every_place(seed):
    labels = LABELS[first(240, seed=seed)]
    shares = np.arange(1, 241) / 3
    for label in NUMBER:
        assert (np.abs(np.cumsum(labels == label) - shares) < 1).all()


@pytest.mark.parametrize("seed", range(4))
def test_all_examples_of_a_class_are_seen_before_one_returns_in_new_orders(seed):
    indices = first(240, seed=seed)
    for label, count in NUMBER.items():
        seen = indices[LABELS[indices] == label]
        passes = seen[: len(seen) // count * count].reshape(-1, count)
        assert (np.sort(passes) == np.flatnonzero(LABELS == label)).all()
        assert len(np.unique(passes, axis=0)) >= min(len(passes), 6)


def test_the_classes_take_turns_in_every_order():
    rounds = LABELS[first(3 * 200)].reshape(-1, 3)
    counts = collections.Counter(map(tuple, rounds))
    assert len(counts) == 6 and min(counts.values()) > 20
    two = first(2 * 200, labels=np.array([0, 1] * 8)).reshape(-1, 2)[:, 0] % 2
    assert 0.4 < two.mean() < 0.6


def test_seeds_differ_and_one_seed_is_one_stream():
    np.testing.assert_array_equal(first(100), first(100))
    assert (first(100) != first(100, seed=4)).any()


def test_repeats_are_of_one_example_and_counted_once():
    once, twice = first(60, batch_size=3), first(120, batch_size=6, repeats=2)
    np.testing.assert_array_equal(np.tile(once.reshape(-1, 3), 2).reshape(-1), twice)


@pytest.mark.parametrize("labels", [np.zeros(9, int), np.arange(9), np.array([4] * 8 + [1])])
def test_one_class_classes_of_one_and_a_class_of_one(labels):
    indices = first(90, labels=labels)
    counts = np.bincount(labels[indices], minlength=len(labels))
    assert set(counts[np.unique(labels)]) == {90 // len(np.unique(labels))}


PIXELS = Split.in_memory(np.zeros((COUNT, 2, 2, 1), "uint8"), LABELS)


def places(split):
    """Returns a split whose labels are read as the indices."""
    return Split(split.count, lambda i: split.read(i) | {"label": i}, (2, 2, 1), split.labels)


def take(count, **arguments):
    how = dict(batch_size=6, seed=7, sampling="balanced") | arguments
    batches = train_batches(places(PIXELS), **how)
    return np.stack([labels for _, labels in itertools.islice(batches.as_numpy_iterator(), count)])


def test_the_stream_starts_anywhere_and_workers_make_the_stream_of_one():
    whole = take(30)
    assert (np.bincount(LABELS[whole.reshape(-1)])[[0, 2, 5]] == 60).all()
    np.testing.assert_array_equal(take(7, start_step=23), whole[23:])
    parts = [take(30, workers=3, worker=worker) for worker in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert (take(30, sampling="natural") != whole).any()


def encoded(broken):
    """Returns pictures of two pixels, some of which cannot be decoded."""
    png = tf.io.encode_png(np.zeros((2, 2, 3), "uint8")).numpy()
    files = tf.constant([b"none" if i in broken else png for i in range(COUNT)])
    read = lambda i: {"image": tf.gather(files, i), "label": i}  # noqa: E731
    return EncodedSplit(COUNT, read, str, LABELS)


def decode(sample, _):
    return sample | {"image": tf.ensure_shape(tf.io.decode_png(sample["image"], 3), (2, 2, 3))}


def test_a_broken_picture_is_replaced_by_one_of_its_class():
    broken = {12, 20}
    how = dict(batch_size=6, seed=7, sampling="balanced", crop=decode)
    intact, damaged = (
        train_batches(encoded(which), **how, broken=BrokenPictures()) for which in ((), broken)
    )
    for (_, before), (_, after) in itertools.islice(zip(intact, damaged, strict=True), 12):
        before, after = np.asarray(before), np.asarray(after)
        assert not broken & set(after.tolist())
        good = ~np.isin(before, list(broken))
        assert (before == after)[good].all()
        assert (LABELS[before] == LABELS[after]).all()


def test_replacements_come_from_the_class_and_then_from_everywhere():
    stream = order()
    for counter in range(6):
        label = LABELS[int(stream.indices(tf.constant([counter], tf.int64))[0])]
        drawn = [stream.replacement(counter, attempt) for attempt in range(OF_CLASS + 30)]
        assert (LABELS[drawn[:OF_CLASS]] == label).all() and len(set(LABELS[drawn])) == 3


def test_what_is_refused():
    sequential = SequentialSplit(20, lambda **_: tf.data.Dataset.range(20))
    with pytest.raises(ValueError, match="needs labels that are known without reading"):
        training_order(sequential, "balanced", 4, 0)
    with pytest.raises(ValueError, match="must be one of natural, balanced: received 'even'"):
        training_order(PIXELS, "even", 4, 0)
