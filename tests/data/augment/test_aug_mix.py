import numpy as np
import pytest

from keras_vit.data.augment import aug_mix, uniform
from keras_vit.data.augment.aug_mix import OPERATIONS, _dirichlet

NAMES = ["autocontrast", "equalize", "posterize", "rotate", "solarize"]
NAMES += ["shear_x", "shear_y", "translate_x", "translate_y"]
LEVEL = 2.9
AMOUNTS = [0, 0, 3, 8, 256 - 74, 0.087, 0.087, 3, 3]  # of the authors' code at this level


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("number", range(9), ids=NAMES)
def test_the_operations_are_the_authors(number, sign, picture, pillow):
    name, amount = NAMES[number], AMOUNTS[number]
    amount *= sign if number in (3, 5, 6, 7, 8) else 1
    ours = OPERATIONS[number](picture, np.float32([LEVEL]), np.float32([sign]))
    difference = np.abs(np.asarray(ours).astype(int) - pillow(name, picture, [amount], fill=0))
    assert (difference <= 2).mean() > 0.9


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_weights_are_dirichlet(alpha, keys):
    weights = _dirichlet(uniform(keys(20000), 3), alpha).numpy()
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(weights.mean(0), 1 / 3, atol=0.01)
    total = 3 * alpha
    np.testing.assert_allclose(weights.var(0), 2 / 9 / (total + 1), rtol=0.06)
    covariance = np.cov(weights.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(covariance, -1 / 9 / (total + 1), rtol=0.1)


def test_one_chain_of_one_operation_lies_between_the_image_and_its_change(picture, keys):
    mixed = aug_mix(picture.repeat(200, 0), keys(200), width=1, depth=1, severity=0.1)
    # At severity 0.1 only autocontrast, equalize and posterize (to 4 bits) leave a trace.
    difference = np.abs(np.asarray(mixed).astype(int) - picture).max((1, 2, 3))
    assert (difference > 8).mean() == pytest.approx(0.3, abs=0.12)


def test_more_is_stronger(picture, keys):
    def distance(**options):
        mixed = np.asarray(aug_mix(picture.repeat(150, 0), keys(150), **options)).astype(int)
        return np.abs(mixed - picture).mean()

    assert distance(severity=1) < distance(severity=3) < distance(severity=10)
    assert distance(depth=1) < distance(depth=3)


def test_shares_sum_to_1(keys):
    """An image of one value stays as it is where nothing enters from outside."""
    images = np.full((50, 24, 24, 3), 128, "uint8")  # whole in three bits, below all thresholds
    mixed = np.asarray(aug_mix(images, keys(50), depth=1))
    assert (mixed[:, 11:13, 11:13] == 128).all()
