import math

import numpy as np
import pytest

from keras_vit.layers import sincos_1d, sincos_2d


def test_sincos_1d_equals_the_formula_of_attention_is_all_you_need():
    table = sincos_1d(5, 8)
    assert table.shape == (5, 8)
    for position in range(5):
        for i in range(4):
            angle = position / 10000 ** (2 * i / 8)
            assert table[position, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_sincos_2d_equals_the_formula_of_better_plain_vit_baselines():
    rows, columns, width = 3, 4, 12
    table = sincos_2d((rows, columns), width)
    assert table.shape == (rows * columns, width)
    for row in range(rows):
        for column in range(columns):
            for i in range(3):
                frequency = 1 / 10000 ** (i / 2)  # width // 4 - 1 == 2 steps
                expected = [
                    math.sin(column * frequency),
                    math.cos(column * frequency),
                    math.sin(row * frequency),
                    math.cos(row * frequency),
                ]
                np.testing.assert_allclose(table[row * columns + column, i::3], expected, atol=1e-6)


def test_tables_tell_every_position_apart():
    for table in (sincos_1d(64, 16), sincos_2d((8, 8), 16)):
        assert len(np.unique(table.round(4), axis=0)) == 64


@pytest.mark.parametrize("width", [6, 4])
def test_2d_refuses_a_width_it_cannot_quarter(width):
    with pytest.raises(ValueError, match=f"width={width}"):
        sincos_2d((2, 2), width)


def test_1d_refuses_an_odd_width():
    with pytest.raises(ValueError, match="width=7"):
        sincos_1d(4, 7)
