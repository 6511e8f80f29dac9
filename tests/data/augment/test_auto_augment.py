import numpy as np
import pytest

from keras_vit.data.augment import CIFAR10_POLICY, IMAGENET_POLICY, auto_augment
from keras_vit.data.augment.auto_augment import OPERATIONS

WITHOUT_AMOUNT = ("AutoContrast", "Equalize", "Invert")


@pytest.mark.parametrize("policy", [CIFAR10_POLICY, IMAGENET_POLICY], ids=["cifar", "imagenet"])
def test_the_policies_are_whole(policy):
    assert len(policy) == 25
    for first, first_rate, first_level, second, second_rate, second_level in policy:
        assert {first, second} <= set(OPERATIONS)
        assert 0 <= first_rate <= 1 and 0 <= second_rate <= 1
        assert 0 <= first_level <= 9 and 0 <= second_level <= 9


def test_sums_of_the_papers_tables():  # a slip of the pen in one entry shows
    """Sums over the columns as torchvision prints the tables, levels where there is an amount."""

    def sums(policy, place):
        rows = [row[3 * place : 3 * place + 3] for row in policy]
        levels = [level for name, _, level in rows if name not in WITHOUT_AMOUNT]
        return round(sum(rate for _, rate, _ in rows), 1), sum(levels)

    assert [sums(CIFAR10_POLICY, place) for place in (0, 1)] == [(13.4, 90), (13.1, 97)]
    assert [sums(IMAGENET_POLICY, place) for place in (0, 1)] == [(13.8, 89), (17.2, 70)]


# At level 6 of 9, as torchvision and the paper's table 6 have it.
AMOUNTS = {
    "ShearX": ("shear_x", 0.2),
    "ShearY": ("shear_y", 0.2),
    "TranslateX": ("translate_x", 100 / 331 * 40),
    "TranslateY": ("translate_y", 100 / 331 * 32),
    "Rotate": ("rotate", 20),
    "AutoContrast": ("autocontrast", 0),
    "Invert": ("invert", 0),
    "Equalize": ("equalize", 0),
    "Solarize": ("solarize", 85),
    "Posterize": ("posterize", 5),
    "Contrast": ("contrast", 1.6),
    "Color": ("saturation", 1.6),
    "Brightness": ("brightness", 1.6),
    "Sharpness": ("sharpness", 1.6),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_an_operation_runs_at_its_level(name, picture, keys, pillow, shares):
    policy = [(name, 1.0, 6, "Invert", 0.0, 0)]
    images = auto_augment(picture.repeat(60, 0), keys(60), policy=policy)
    ours, amount = AMOUNTS[name]
    other = 2 - amount if name in ("Contrast", "Color", "Brightness", "Sharpness") else -amount
    signed = ours not in ("autocontrast", "invert", "equalize", "solarize", "posterize")
    amounts = [amount, other] if signed else [amount]
    found = shares(images, [pillow(ours, picture, [each]) for each in amounts])
    if signed:
        np.testing.assert_allclose(found, 0.5, atol=0.29)  # 4.5 standard errors


def test_pairs_are_uniform_and_probabilities_their_own(picture, keys, pillow, shares):
    policy = [("Invert", 0.8, 0, "Posterize", 0.5, 9), ("Equalize", 0.25, 0, "Invert", 0.0, 0)]
    images = auto_augment(picture.repeat(2000, 0), keys(2000), policy=policy)
    inverted, posterized = pillow("invert", picture, [0]), pillow("posterize", picture, [4])
    both = pillow("posterize", inverted, [4])
    candidates = [picture, inverted, posterized, both, pillow("equalize", picture, [0])]
    expected = [0.5 * 0.2 * 0.5 + 0.5 * 0.75, 0.5 * 0.8 * 0.5, 0.05, 0.2, 0.125]
    np.testing.assert_allclose(shares(images, candidates), expected, atol=0.05)
