"""Holes in pictures of any size, filled by a model of one size."""

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.images.fill import fill_in_windows
from keras_vit.images.holes import colours, missing_in
from keras_vit.images.tiles import TILES

SIZE = (16, 16)
RNG = np.random.default_rng(0)


def planes(rows, columns):
    """A picture that its own pixels tell how to go on, and that bicubic enlarges exactly."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([2 * y, 2 * x, y + x], -1).astype("uint8")


class Model:
    """Answers each window with the plane through its known pixels, and remembers the windows."""

    def __init__(self):
        self.windows = []

    def __call__(self, images):
        assert images.shape[1:] == (*SIZE, 4) and images.dtype == np.uint8
        self.windows += list(images)
        y, x = np.mgrid[: SIZE[0], : SIZE[1]].reshape(2, -1)
        places = np.stack([y, x, np.ones_like(y)], -1)
        answers = []
        for image in images:
            known = ~missing_in(image).ravel()
            pixels = colours(image).reshape(-1, 3)
            plane = np.linalg.lstsq(places[known], pixels[known] / 1.0, rcond=None)[0]
            answers.append((places @ plane).reshape(*SIZE, 3))
        return np.stack(answers)


def filled(picture, missing):
    model = Model()
    answer = fill_in_windows(model, picture, missing, size=SIZE)
    assert answer.dtype == np.uint8 and answer.shape == picture.shape
    np.testing.assert_array_equal(answer[~missing], picture[~missing])
    return answer, model.windows


def holes(shape, *boxes):
    missing = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        missing[top:bottom, left:right] = True
    return missing


@pytest.mark.parametrize(
    "boxes, windows",
    [
        ([(20, 26, 30, 37)], 1),
        ([(0, 8, 0, 8)], 1),  # in a corner
        ([(32, 40, 58, 60)], 1),  # at the edge
        ([(20, 23, 30, 32), (21, 24, 35, 36)], 1),  # one window for both
        ([(2, 6, 3, 7), (30, 36, 50, 55)], 2),
    ],
)
def test_a_small_hole_is_filled_as_it_is_seen(boxes, windows):
    picture, missing = planes(40, 60), holes((40, 60), *boxes)
    spoilt = np.where(missing[..., None], RNG.integers(0, 256, picture.shape), picture)
    answer, seen = filled(spoilt.astype("uint8"), missing)
    np.testing.assert_array_equal(answer, picture)
    assert len(seen) == windows


def test_a_large_hole_is_filled_shrunk():
    picture, missing = planes(64, 96), holes((64, 96), (10, 40, 20, 50))
    spoilt = np.where(missing[..., None], 255, picture).astype("uint8")
    answer, (seen,) = filled(spoilt, missing)
    # Four times: each pixel of the window is the mean of 4x4, or missing with any of them.
    assert np.abs(answer.astype(int) - picture)[missing].max() <= 3
    assert missing_in(seen).sum() == 8 * 8
    assert colours(seen)[~missing_in(seen)].max() < 255


def test_a_line_is_filled_piece_by_piece_without_shrinking():
    picture, missing = planes(64, 96), np.zeros((64, 96), bool)
    for step in range(60):
        missing[2 + step : 5 + step, 10 + step] = True
    missing[20:22] = True
    spoilt = np.where(missing[..., None], 255, picture).astype("uint8")
    answer, seen = filled(spoilt, missing)
    np.testing.assert_array_equal(answer, picture)
    assert 10 < len(seen) < 40


@pytest.mark.parametrize("size", [(5, 7), (12, 40), (40, 12), (16, 16)])
def test_a_picture_smaller_than_a_window_is_continued_as_in_a_mirror(size):
    picture = np.full((*size, 3), [10, 100, 200], "uint8")
    missing = holes(size, (1, 4, 2, 5))
    spoilt = np.where(missing[..., None], 0, picture).astype("uint8")
    np.testing.assert_array_equal(filled(spoilt, missing)[0], picture)


def test_many_parts_are_answered_in_few_calls():
    picture, missing = planes(64, 64), np.zeros((64, 64), bool)
    missing[::4, ::4] = True
    calls = []

    def answer(images):
        calls.append(len(images))
        return images[..., :3]

    fill_in_windows(answer, picture, missing, size=SIZE)
    assert max(calls) == TILES and sum(calls) < missing.sum() / 3


def test_a_wrong_answer_is_refused():
    missing = holes((20, 20), (4, 6, 4, 6))
    for answer, message in (
        (lambda images: images, r"must become \(1, 16, 16, 3\): received \(1, 16, 16, 4\)"),
        (lambda images: images[..., :3] * np.nan, "not a finite number"),
    ):
        with pytest.raises(UserError, match=message):
            fill_in_windows(answer, planes(20, 20), missing, size=SIZE)
