"""Scores of restored pictures. The real sets are in the folder that a variable names:

KERAS_VIT_SUPER_RESOLUTION=super_resolution pytest tests/tasks/test_restore_score.py
"""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic, to_uint8
from keras_vit.images.decode import decode_picture
from keras_vit.images.luma import luma
from keras_vit.tasks.restore_score import RestorationScore, psnr, ssim

SETS = os.environ.get("KERAS_VIT_SUPER_RESOLUTION")
PUBLISHED = [  # scale, PSNR in decibels, SSIM of bicubic on Y of Set5: arXiv:1501.00092, table 2,
    (2, 33.66, 0.9299),  # and arXiv:1511.04587, table 3
    (3, 30.39, 0.8682),
    (4, 28.42, 0.8104),
]
RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype="uint8")


def set5(scale):
    """Yields the pictures, cropped to a multiple of the scale."""
    paths = sorted(Path(SETS, "Set5").iterdir())
    assert len(paths) == 5
    for picture in map(decode_picture, paths):
        height, width = (side // scale * scale for side in picture.shape[:2])
        yield picture[:height, :width]


real_sets = pytest.mark.skipif(
    not SETS, reason="KERAS_VIT_SUPER_RESOLUTION names no folder of the real sets"
)


@real_sets
@pytest.mark.parametrize("scale, decibels, similarity", PUBLISHED)
def test_bicubic_on_set5_has_the_published_figures(scale, decibels, similarity):
    """Y is resized and not the colours, and the small picture is not rounded: as SRCNN's code."""
    pairs = []
    for true in (luma(picture)[..., None] for picture in set5(scale)):
        small = bicubic(true.astype(float), Fraction(1, scale))
        pairs.append((true, to_uint8(bicubic(small, scale))))
    figures = RestorationScore.of(pairs, border=scale).figures
    assert figures["psnr"] == pytest.approx(decibels, abs=0.01)
    assert figures["ssim"] == pytest.approx(similarity, abs=0.0005)


@real_sets
def test_bicubic_of_bytes_has_the_figures_of_the_docs():
    pairs = [(true, bicubic(bicubic(true, Fraction(1, 2)), 2)) for true in set5(2)]
    figures = RestorationScore.of(pairs, border=2).figures
    assert figures["psnr"] == pytest.approx(33.64, abs=0.005)
    assert figures["ssim"] == pytest.approx(0.9292, abs=0.00005)


def test_luma_is_that_of_matlab():
    """`rgb2ycbcr(uint8(cat(3, R, G, B)))` of black, white, red, green and blue."""
    colours = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    pixels = np.array(colours, "uint8")[None]
    np.testing.assert_array_equal(luma(pixels), [[16, 235, 81, 145, 41]])
    grey = noise(3, 4, 1)
    np.testing.assert_array_equal(luma(grey), grey[..., 0])
    for wrong in (np.zeros((2, 2, 3)), np.zeros((2, 2, 4), "uint8"), np.zeros((2, 3), "uint8")):
        with pytest.raises(UserError, match="must be uint8 of 1 or 3 channels: received"):
            luma(wrong)


def test_psnr_by_hand():
    true = np.full((4, 5), 100, "uint8")
    assert psnr(true, true + 2) == pytest.approx(20 * np.log10(255 / 2))
    assert psnr(true, true) == pytest.approx(78.13, abs=0.01)  # finite, and so is a mean with it


def test_ssim_is_that_of_its_definition():
    """Each window by itself: weighted means, variances and covariance (equations 13 to 16)."""
    true, restored = noise(13, 12), noise(13, 12)
    distances = np.arange(-5, 6) ** 2
    window = np.exp(-(distances[:, None] + distances) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for y in range(3):
        for x in range(2):
            one, two = (a[y : y + 11, x : x + 11].astype(float) for a in (true, restored))
            means = (window * one).sum(), (window * two).sum()
            both = (window * (one - means[0]) * (two - means[1])).sum()
            spreads = [
                (window * (a - m) ** 2).sum() for a, m in zip((one, two), means, strict=True)
            ]
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            upper = (2 * means[0] * means[1] + c1) * (2 * both + c2)
            values.append(upper / ((means[0] ** 2 + means[1] ** 2 + c1) * (sum(spreads) + c2)))
    assert ssim(true, restored) == pytest.approx(np.mean(values), abs=1e-9)
    assert ssim(true, true) == 1
    colours = np.stack([true, restored], -1), np.stack([restored, restored], -1)
    assert ssim(*colours) == pytest.approx((ssim(true, restored) + 1) / 2)


def test_a_score_is_the_mean_over_pictures_within_their_borders():
    pairs = [(noise(20, 24, 3), noise(20, 24, 3)), (noise(15, 15, 1), noise(15, 15, 1))]
    whole = RestorationScore.of(pairs, border=2)
    assert whole.pictures.shape == (2, 4)
    (true, restored), grey = pairs
    kept = true[2:-2, 2:-2], restored[2:-2, 2:-2]
    expected = [psnr(*map(luma, kept)), ssim(*map(luma, kept)), psnr(*kept), ssim(*kept)]
    np.testing.assert_allclose(whole.pictures[0], expected)
    np.testing.assert_allclose(whole.pictures[1, :2], whole.pictures[1, 2:])  # a grey picture
    assert list(whole.figures) == ["psnr", "ssim", "psnr_rgb", "ssim_rgb"]
    np.testing.assert_allclose([*whole.figures.values()], whole.pictures.mean(0))
    spoilt = restored.copy()
    spoilt[:2], spoilt[:, -2:] = 0, 0
    again = RestorationScore.of([(true, spoilt), grey], border=2)
    np.testing.assert_array_equal(whole.pictures, again.pictures)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match=r"shape of the true one, \(20, 24, 3\): received \(20, 20"):
        RestorationScore.of([(noise(20, 24, 3), noise(20, 20, 3))])
    with pytest.raises(UserError, match="11 pixels on each side within a border of 5: received 20"):
        RestorationScore.of([(noise(20, 24, 3), noise(20, 24, 3))], border=5)
    with pytest.raises(UserError, match="`border` must be at least 0: received border=-1"):
        RestorationScore.of([], border=-1)
    with pytest.raises(UserError, match="uint8 of 1 or 3 channels: received float64"):
        RestorationScore.of([(np.zeros((20, 20, 3)), np.zeros((20, 20, 3)))])


def test_only_missing_pixels_count_in_a_hole():
    true, restored, missing = noise(20, 24, 3), noise(20, 24, 3), np.zeros((20, 24), bool)
    missing[:9, 6:15] = True
    score = RestorationScore.of_holes([(true, restored, missing)])
    lumas = luma(true), luma(restored)
    expected = [
        psnr(*(each[missing] for each in lumas)),
        ssim(*lumas, where=missing),
        psnr(*(each[missing] for each in (true, restored))),
        ssim(true, restored, where=missing),
    ]
    np.testing.assert_allclose(score.pictures, [expected])
    inner = np.zeros((20, 24), bool)
    inner[5:-5, 5:-5] = True  # where the whole window lies within the picture
    assert ssim(true, restored, where=inner) == pytest.approx(ssim(true, restored))
    assert RestorationScore.of_holes([(true, true, missing)]).figures["ssim_rgb"] == 1


def test_holes_that_cannot_be_compared_are_refused():
    true, hole = noise(20, 24, 3), np.ones((20, 24), bool)
    for wrong, message in (
        ((true, true[:-1], hole), r"have one shape, whose sides .* \(19, 24, 3\) and \(20, 24\)"),
        ((true, true, hole[:-1]), r"\(20, 24, 3\) and \(19, 24\)"),
        ((true, true, ~hole), "must have a hole to be scored: nothing is missing"),
        ((true[:9], true[:9], hole[:9]), "11 pixels on each side within a border of 0: received 9"),
    ):
        with pytest.raises(UserError, match=message):
            RestorationScore.of_holes([wrong])


def test_without_scikit_image_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.metrics", None)
    with pytest.raises(UserError, match=r"needs an extra: pip install 'keras-vit\[restore\]'"):
        ssim(noise(12, 12), noise(12, 12))
