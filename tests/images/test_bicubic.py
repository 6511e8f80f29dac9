"""MATLAB's bicubic resizing. What it gives on Set5 is in `tests/tasks/test_restore_score.py`."""

from fractions import Fraction

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic, bicubic_matrix


def test_weights_are_those_of_matlab():
    """`imresize([1 2 ... 6], 2)` and `imresize([1 2 ... 6], 1/2)`, by hand from Keys' kernel."""
    up = bicubic_matrix(6, 2)
    # A new pixel lies a quarter from an old one: cubic(1.25), cubic(0.25), cubic(0.75), cubic(1.75)
    taps = np.array([-9, 111, 29, -3]) / 128
    np.testing.assert_allclose(up[5, 1:5], taps, atol=1e-15)
    np.testing.assert_allclose(up[4, 0:4], taps[::-1], atol=1e-15)
    # At the border the mirror repeats the first pixel, and then the second.
    np.testing.assert_allclose(up[0, :3], [taps[1] + taps[2], taps[0] + taps[3], 0], atol=1e-15)
    down = bicubic_matrix(6, Fraction(1, 2))
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    mirrored = [taps[3] + taps[2], taps[4] + taps[1], taps[5] + taps[0], *taps[6:], 0]
    np.testing.assert_allclose(down[0], mirrored, atol=1e-15)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, Fraction(1, 2), Fraction(1, 3), Fraction(2, 3)])
@pytest.mark.parametrize("length", [1, 5, 12])
def test_rows_sum_to_one_and_mirror_each_other(factor, length):
    matrix = bicubic_matrix(length, factor)
    assert matrix.shape == (-(-length * Fraction(factor) // 1), length)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    if length * Fraction(factor) == len(matrix):
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)


def test_a_line_stays_a_line_away_from_the_border():
    line = np.arange(20.0)
    for factor in (3, Fraction(1, 2)):
        new = bicubic_matrix(20, factor) @ line
        old = (np.arange(len(new)) + 0.5) / float(factor) - 0.5
        inside = slice(6, -6) if factor == 3 else slice(2, -2)
        np.testing.assert_allclose(new[inside], old[inside], atol=1e-12)


def test_images_of_any_dtype_and_of_batches():
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 9, 3), dtype="uint8")
    small = bicubic(images, Fraction(1, 3))
    assert small.shape == (2, 2, 3, 3) and small.dtype == np.uint8
    np.testing.assert_array_equal(small[1], bicubic(images[1], Fraction(1, 3)))
    exact = bicubic(images / 1.0, Fraction(1, 3))
    assert exact.dtype == float and np.abs(exact - small).max() < 1.5
    rows, columns = (bicubic_matrix(n, Fraction(1, 3)) for n in (6, 9))
    np.testing.assert_allclose(exact, np.einsum("ip,bpqc,jq->bijc", rows, images, columns))


def test_overshoot_of_bytes_is_clipped():
    edge = np.repeat(np.array([0, 0, 0, 255, 255, 255], "uint8"), 6).reshape(1, 6, 6, 1)
    large = bicubic(edge, 2)
    assert large.min() == 0 and large.max() == 255
    assert bicubic(edge / 1.0, 2).min() < 0


def test_what_cannot_be_resized_is_refused():
    with pytest.raises(UserError, match="`factor` must be above 0: received factor=0"):
        bicubic(np.zeros((4, 4, 1)), 0)
    with pytest.raises(UserError, match="at least one pixel on a side: received 0"):
        bicubic(np.zeros((4, 0, 1)), 2)
