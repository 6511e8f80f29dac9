"""SIGReg: the Epps-Pulley statistic, its directions, and the loss of LeJEPA."""

import keras
import numpy as np
import pytest
from scipy.integrate import quad

from keras_vit.errors import UserError
from keras_vit.tasks.sigreg import SIGRegLoss, epps_pulley
from keras_vit.tasks.sketch import Sketch

RNG = np.random.default_rng(0)


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def by_quadrature(numbers):
    def integrand(t):
        normal = np.exp(-(t**2) / 2)
        return np.abs(np.exp(1j * t * numbers).mean() - normal) ** 2 * normal

    return quad(integrand, -3, 3)[0]


@pytest.mark.parametrize(
    "numbers", [RNG.normal(size=50), 2 + 0.1 * RNG.normal(size=7), RNG.random(30), np.zeros(5)]
)
def test_the_statistic_is_the_integral(numbers):
    found = numpy(epps_pulley(numbers[:, None].astype("float32")))
    np.testing.assert_allclose(found, [by_quadrature(numbers)], rtol=5e-3)


def test_a_gaussian_is_near_zero_and_a_constant_far():
    gaussian = RNG.normal(size=(4000, 8)).astype("float32")
    assert numpy(epps_pulley(gaussian)).max() < 0.003
    for other in (0 * gaussian, 1 + 0 * gaussian, 3 * gaussian, gaussian + 1):
        assert numpy(epps_pulley(other)).min() > 0.05


def test_directions_have_length_one_and_are_drawn_anew():
    layer = Sketch(6, seed=1)
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    first, before = numpy(layer(x)), numpy(layer.directions)
    np.testing.assert_allclose(np.linalg.norm(before, axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(first, x @ before, atol=1e-6)
    layer.redraw()
    after = numpy(layer.directions)
    np.testing.assert_allclose(np.linalg.norm(after, axis=0), 1, rtol=1e-5)
    assert np.abs(after - before).max() > 0.1 and not layer.trainable_weights


def test_the_loss_by_hand_in_groups():
    outputs = RNG.normal(size=(6, 4, 3 + 5)).astype("float32")
    z, projections = outputs[..., :3], outputs[..., 3:]
    middle = z[:, :2].mean(1, keepdims=True)
    distance = np.square(z - middle).mean((1, 2))
    regular = [
        3 * np.mean([by_quadrature(part[:, v, m]) for v in range(4) for m in range(5)])
        for part in (projections[:3], projections[3:])
    ]
    loss = SIGRegLoss(3, together=3, share=0.25)
    expected = 0.75 * distance + 0.25 * np.repeat(regular, 3)
    np.testing.assert_allclose(numpy(loss.call(None, outputs)), expected, rtol=5e-3)
    # What is no multiple of a group, as in evaluations, is one group of its own size.
    whole = 5 * np.mean([by_quadrature(projections[:5, v, m]) for v in range(4) for m in range(5)])
    expected = 0.75 * distance[:5] + 0.25 * whole
    np.testing.assert_allclose(numpy(loss.call(None, outputs[:5])), expected, rtol=5e-3)
    again = SIGRegLoss.from_config(loss.get_config())
    np.testing.assert_array_equal(numpy(again.call(None, outputs)), numpy(loss.call(None, outputs)))


@pytest.mark.parametrize("wrong", [dict(share=1.5), dict(together=1)])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}` must"):
        SIGRegLoss(3, **dict(together=4) | wrong)
