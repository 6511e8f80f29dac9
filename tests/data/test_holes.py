"""Holes of pictures, drawn from keys."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import Split, eval_batches, train_batches
from keras_vit.data.augment import example_keys
from keras_vit.data.holes import HIDDEN, random_holes, with_holes
from keras_vit.errors import UserError

KEYS = example_keys(3, tf.range(300, dtype=tf.int64))


WHOLE = np.random.default_rng(0).integers(0, 256, (10, 16, 24, 3), dtype="uint8")
SPLIT = Split.in_memory(WHOLE, np.arange(10))


@pytest.fixture(scope="module")
def holes():
    return random_holes(KEYS, (32, 48)).numpy()


def test_a_hole_has_pixels_and_leaves_more_than_half_of_the_picture(holes):
    share = holes.mean((1, 2))
    assert share.min() > 0 and share.max() < 0.5 and 0.05 < share.mean() < 0.2
    tiny = random_holes(KEYS, (4, 5)).numpy().mean((1, 2))
    assert tiny.min() > 0 and tiny.max() < 1


def test_about_half_of_the_holes_are_boxes(holes):
    boxes = [np.array_equal(x, np.outer(x.any(1), x.any(0))) for x in holes]
    sides = [(x.any(1).sum(), x.any(0).sum()) for x in np.array(holes)[boxes]]
    assert 0.4 < np.mean(boxes) < 0.65
    assert all(rows <= 16 and columns <= 24 for rows, columns in sides[:100])


def test_a_hole_depends_on_its_key_alone(holes):
    alone = [random_holes(KEYS[i : i + 1], (32, 48)).numpy()[0] for i in (0, 7, 122)]
    np.testing.assert_array_equal(alone, holes[[0, 7, 122]])
    in_graph = tf.function(lambda keys: random_holes(keys, (32, 48)))
    np.testing.assert_array_equal(in_graph(KEYS[:20]), holes[:20])
    assert (holes[0] != holes[1]).any()


def test_images_get_holes_and_the_truth_keeps_its_pixels():
    whole = WHOLE[:4]
    images, truth = map(np.asarray, with_holes({"image": whole, "key": KEYS[:4]}))
    missing = random_holes(KEYS[:4], (16, 24)).numpy()
    for each in (images, truth):
        assert each.dtype == np.uint8
        np.testing.assert_array_equal(each[..., 3], np.where(missing, 0, 255))
    np.testing.assert_array_equal(truth[..., :3], whole)
    np.testing.assert_array_equal(images[..., :3], np.where(missing[..., None], HIDDEN, whole))


def alphas(batches, count):
    return np.concatenate([x[..., 3] for x, _ in batches.take(count).as_numpy_iterator()])


def test_holes_of_an_evaluation_depend_only_on_the_place_in_the_split():
    one, three = (
        alphas(eval_batches(SPLIT, batch_size=size, example=with_holes), 99) for size in (1, 3)
    )
    np.testing.assert_array_equal(one, three)
    assert len(np.unique(one.reshape(10, -1), axis=0)) == 10


def test_holes_of_a_training_depend_on_neither_workers_nor_where_it_starts():
    how = dict(batch_size=4, seed=1, example=with_holes)
    whole = alphas(train_batches(SPLIT, **how), 4).reshape(4, 4, -1)
    late = alphas(train_batches(SPLIT, start_step=2, **how), 2).reshape(2, 4, -1)
    np.testing.assert_array_equal(late, whole[2:])
    parts = [
        alphas(train_batches(SPLIT, worker=worker, workers=2, **how), 4).reshape(4, 2, -1)
        for worker in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert (whole[0] != whole[2]).any()


def test_mistakes_are_one_sentence():
    with pytest.raises(UserError, match="drawn from the `key` of each sample: received .* image"):
        with_holes({"image": WHOLE[:1]})
    with pytest.raises(UserError, match="images of one size, from a crop"):
        tf.function(with_holes).get_concrete_function(
            {
                "image": tf.TensorSpec((None, None, None, 3), tf.uint8),
                "key": tf.TensorSpec((None,), tf.uint64),
            }
        )
