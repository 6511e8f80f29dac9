import numpy as np
import pytest

from keras_vit.data.augment import rand_augment

COUNT = 1200
MOVES = [("rotate", 21), ("shear_x", 0.21), ("shear_y", 0.21)]
MOVES += [("translate_x", 0.315 * 40), ("translate_y", 0.315 * 32)]
ENHANCE = ["saturation", "contrast", "brightness", "sharpness"]
# The operations at magnitude 7 of 10, of the authors' TPU code and of timm's "inc1".
PAPER = [("autocontrast", 0), ("equalize", 0), ("identity", 0), ("posterize", 2), ("solarize", 179)]
PAPER += [(name, 0.1 + 0.7 * 1.8) for name in ENHANCE]
INCREASING = [("autocontrast", 0), ("equalize", 0), ("invert", 0), ("posterize", 2)]
INCREASING += [("solarize", 77), ("solarize_add", 77)]


def changes(increasing):
    """Lists what may become of an image: operation, amount and probability."""
    if increasing:
        for name, amount in INCREASING:
            yield name, amount, 1 / 30
        for name in ENHANCE:
            yield from ((name, 1 + sign * 0.63, 1 / 60) for sign in (-1, 1))
        yield "identity", 0, 1 / 2
    else:
        yield from ((name, amount, 1 / 14) for name, amount in PAPER)
    each = 1 / 60 if increasing else 1 / 28
    for name, amount in MOVES:
        yield from ((name, sign * amount, each) for sign in (-1, 1))


@pytest.mark.parametrize("increasing", [False, True], ids=["paper", "timm"])
def test_each_operation_is_drawn_as_often_and_at_its_level(
    increasing, picture, keys, pillow, shares
):
    images = rand_augment(
        picture.repeat(COUNT, 0), keys(COUNT), num_ops=1, magnitude=7, increasing=increasing
    )
    expected = list(changes(increasing))
    rates = np.array([rate for *_, rate in expected])
    assert len(expected) == (25 if increasing else 19) and rates.sum() == pytest.approx(1)
    candidates = [pillow(name, picture, [amount]) for name, amount, _ in expected]
    found = shares(images, candidates)
    np.testing.assert_array_less(np.abs(found - rates), 4.5 * np.sqrt(rates * (1 - rates) / COUNT))


def test_magnitude_0_of_the_increasing_list_leaves_what_has_a_level(picture, keys, pillow, shares):
    images = rand_augment(
        picture.repeat(300, 0), keys(300), num_ops=1, magnitude=0, increasing=True
    )
    names = ["identity", "autocontrast", "equalize", "invert", "posterize"]
    candidates = [pillow(name, picture, [4]) for name in names]
    found = shares(images, candidates)
    assert found[0] == pytest.approx(1 - 4 / 30, abs=0.09) and found.min() > 0


def test_no_operations_are_no_change(picture, keys):
    np.testing.assert_array_equal(rand_augment(picture, keys(1), num_ops=0), picture)


def test_two_operations_follow_each_other(picture, keys):
    """The second draws anew: about (1/14)**2 of the images are left alone by both."""
    images = rand_augment(picture.repeat(COUNT, 0), keys(COUNT), num_ops=2)
    same = (np.asarray(images) == picture).all((1, 2, 3)).mean()
    assert 0 < same < 0.03


def test_magnitudes_scatter_around_theirs_and_stay_within_their_scale(keys):
    image = np.full((1, 8, 8, 1), 100, "uint8")  # of one value: brightness shows its factor
    images = rand_augment(
        image.repeat(6000, 0), keys(6000), num_ops=1, increasing=True, magnitude_std=0.5
    )
    values = np.asarray(images)[:, 4, 4, 0].astype(float)
    dark = values[(values > 5) & (values < 40)]  # by brightness alone
    assert len(dark) > 60
    levels = (1 - (dark + 0.5) / 100) / 0.09
    assert levels.max() <= 10.07
    assert levels.mean() == pytest.approx(9, abs=0.15)
    assert levels.std() == pytest.approx(0.5, abs=0.12)


def test_the_papers_magnitudes_go_on_to_30(keys):
    image = np.full((1, 8, 8, 1), 60, "uint8")
    images = rand_augment(image.repeat(600, 0), keys(600), num_ops=1, magnitude=30)
    assert 255 in np.asarray(images)[:, 4, 4, 0]  # 60 times 5.5


@pytest.mark.parametrize(
    "wrong",
    [{"num_ops": -1}, {"magnitude": -1}, {"magnitude_std": -0.5}, {"magnitude_std": float("nan")}],
)
def test_negative_numbers_are_refused(wrong, picture, keys):
    with pytest.raises(ValueError, match=f"at least 0: received .*{next(iter(wrong))}=(-|nan)"):
        rand_augment(picture, keys(1), **wrong)
