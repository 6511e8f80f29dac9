import numpy as np
import pytest

from keras_vit.data.augment import colour_jitter, fold, uniform
from keras_vit.data.augment.colour import hue as turn_hue


@pytest.mark.parametrize("amount, low, high", [(0.4, 0.6, 1.4), (1.5, 0, 2.5)])
def test_factors_are_uniform(amount, low, high, keys):
    images = np.full((4000, 2, 2, 3), 100, "uint8")
    values = np.asarray(colour_jitter(images, keys(4000), brightness=amount))[:, 0, 0, 0]
    factors = (values + 0.5) / 100
    assert factors.min() == pytest.approx(low, abs=0.01)
    assert factors.max() == pytest.approx(high, abs=0.01)
    assert factors.mean() == pytest.approx((low + high) / 2, abs=0.05)
    assert factors.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_hue_turns_either_way_within_its_bound(keys):
    red = np.zeros((2000, 1, 1, 3), "uint8") + np.array([200, 50, 50], "uint8")
    turned = np.asarray(colour_jitter(red, keys(2000), hue=0.1))[:, 0, 0].astype(int)
    ends = np.asarray(turn_hue(red[:2], [0.1, -0.1]))[:, 0, 0]
    assert (turned[:, 0] == 200).all() and (turned.min(1) == 50).all()
    assert abs(turned[:, 1].max() - ends[0, 1]) <= 1 and abs(turned[:, 2].max() - ends[1, 2]) <= 1
    assert (turned[:, 1] > 50).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_each_amount_reaches_its_own_operation(name, picture, keys, pillow):
    images = np.asarray(colour_jitter(picture.repeat(30, 0), keys(30), **{name: 0.8}))
    factors = np.linspace(0.2, 1.8, 161)
    grid = pillow(name, picture.repeat(161, 0), factors).astype(int)
    for image in images:
        assert np.abs(grid - image).mean((1, 2, 3)).min() < 0.8


def test_the_operations_follow_each_other_in_every_order_alike(picture, keys, pillow):
    """As Pillow does them, in the order and by the factors that the keys give."""
    names, amounts = ["brightness", "contrast", "saturation"], [0.6, 0.5, 0.4]
    options = dict(zip(names, amounts, strict=True))
    ours = np.asarray(colour_jitter(picture.repeat(30, 0), keys(30), **options))
    order = np.argsort(uniform(fold(keys(600), 0), 3), axis=1)
    draws = uniform(fold(keys(600), 1), 3).numpy()
    for number, image in enumerate(ours):
        theirs = picture
        for place, draw in zip(order[number], draws[number], strict=True):
            factor = 1 + amounts[place] * (2 * draw - 1)
            theirs = pillow(names[place], theirs, [factor])
        assert np.abs(image.astype(int) - theirs).max() <= 2  # a factor may round otherwise
    _, counts = np.unique(order, axis=0, return_counts=True)
    assert len(counts) == 6
    np.testing.assert_allclose(counts, 100, atol=42)  # 4.5 standard errors


def test_nothing_asked_is_nothing_changed(picture, keys):
    np.testing.assert_array_equal(colour_jitter(picture, keys(1)), picture)


@pytest.mark.parametrize("wrong", [{"contrast": -0.1}, {"hue": 0.6}])
def test_amounts_out_of_range_are_refused(wrong, picture, keys):
    with pytest.raises(ValueError, match="at least 0, `hue` at most 0.5"):
        colour_jitter(picture, keys(1), **wrong)
