import numpy as np
import pytest
from scipy import stats

from keras_vit.data.augment import uniform
from keras_vit.data.augment.quantile import beta


@pytest.mark.parametrize("first, second", [(0.2, 0.2), (0.8, 0.8), (1, 1), (1, 2), (8, 8)])
def test_uniform_numbers_become_betas(first, second, keys):
    draws = uniform(keys(20000), 1)[:, 0]
    numbers = beta(draws, first, second).numpy()
    assert numbers.dtype == "float32" and numbers.min() >= 0 and numbers.max() <= 1
    expected = stats.beta(first, second)
    np.testing.assert_allclose(numbers.mean(), expected.mean(), atol=5 * expected.std() / 141)
    np.testing.assert_allclose(numbers.var(), expected.var(), rtol=0.05)
    ideal = expected.ppf((np.arange(20000) + 0.5) / 20000)
    assert np.abs(np.sort(numbers) - ideal).mean() < 0.008


def test_the_ends_and_the_middle():
    np.testing.assert_allclose(beta(np.float32([0, 0.5, 1 - 2**-24]), 3, 3), [0, 0.5, 1], atol=1e-4)
