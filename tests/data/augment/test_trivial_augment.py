import numpy as np
import pytest

from keras_vit.data.augment import trivial_augment
from keras_vit.data.augment.trivial_augment import WIDE

STRENGTHS = np.array([0, 10 / 30, 20 / 30, 1], "float32")
# Table 1's "Wide" as torchvision has it: operation, amounts at these strengths, whether either way.
ROWS = [
    ("identity", [0] * 4, False),
    ("autocontrast", [0] * 4, False),
    ("equalize", [0] * 4, False),
    ("rotate", 135 * STRENGTHS, True),
    ("shear_x", 0.99 * STRENGTHS, True),
    ("shear_y", 0.99 * STRENGTHS, True),
    ("translate_x", 32 * STRENGTHS, True),
    ("translate_y", 32 * STRENGTHS, True),
    ("posterize", [8, 6, 4, 2], False),
    ("solarize", [255, 170, 85, 0], False),
    ("saturation", 0.99 * STRENGTHS, True),
    ("contrast", 0.99 * STRENGTHS, True),
    ("brightness", 0.99 * STRENGTHS, True),
    ("sharpness", 0.99 * STRENGTHS, True),
]


@pytest.mark.parametrize("number", range(14), ids=[name for name, *_ in ROWS])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_table_is_the_papers(number, sign, picture, pillow):
    name, amounts, either_way = ROWS[number]
    amounts = np.asarray(amounts) * (sign if either_way else 1)
    amounts = amounts + 1 if name in [row[0] for row in ROWS[-4:]] else amounts
    images = picture.repeat(4, 0)
    ours = WIDE[number](images, STRENGTHS, np.full(4, sign, "float32"))
    difference = np.abs(np.asarray(ours).astype(int) - pillow(name, images, amounts))
    assert (difference <= 2).mean() > 0.95


def test_operations_and_strengths_are_uniform(keys):
    """On an image of one value 100, brightness, solarize and posterize show themselves."""
    images = trivial_augment(np.full((9000, 6, 6, 1), 100, "uint8"), keys(9000))
    values = np.asarray(images)[:, 3, 3, 0]
    assert (values == 155).mean() == pytest.approx(13 / 31 / 14, abs=0.009)  # solarize below 100
    low = (values < 60).mean()  # brightness alone, 18 of 31 strengths the darker way
    assert low == pytest.approx(18 / 31 / 28, abs=0.008)


def test_the_ends_of_the_strengths_are_drawn(keys):
    images = trivial_augment(np.full((9000, 6, 6, 1), 100, "uint8"), keys(9000))
    values = set(np.asarray(images)[:, 3, 3, 0].tolist())
    assert {1, 199, 155, 64} <= values  # brightness 0.01 and 1.99, solarize, two bits
