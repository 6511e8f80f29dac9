"""Pictures of any size through a model of one size."""

import functools

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic
from keras_vit.images.tiles import enlarge_in_tiles

PICTURE = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype="uint8")


@pytest.mark.parametrize("size", [(37, 50), (16, 16), (17, 40), (12, 16), (50, 16)])
@pytest.mark.parametrize("margin", [2, 5, 7])
def test_tiles_of_bicubic_join_without_a_seam(size, margin):
    """A pixel of bicubic depends on two pixels to each side: margins hide where tiles end."""
    picture = np.resize(PICTURE, (*size, 3))
    seen = []

    def answer(tiles):
        seen.append(tiles.shape)
        return bicubic(tiles, 2)

    large = enlarge_in_tiles(answer, picture, tile=(16, 16), scale=2, margin=margin)
    assert all(shape[0] <= 16 and shape[1:] == (16, 16, 3) for shape in seen)
    assert large.dtype == np.uint8 and large.shape == (2 * size[0], 2 * size[1], 3)
    np.testing.assert_array_equal(large, bicubic(picture, 2))


def test_without_a_margin_seams_are_seen():
    large = enlarge_in_tiles(
        functools.partial(bicubic, factor=2), PICTURE, tile=(16, 16), scale=2, margin=0
    )
    assert (large != bicubic(PICTURE, 2)).any()


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (9, 30)])
def test_a_picture_smaller_than_a_tile_is_mirrored(size):
    picture = PICTURE[: size[0], : size[1]]
    answer = functools.partial(bicubic, factor=3)
    large = enlarge_in_tiles(answer, picture, tile=(16, 12), scale=3, margin=3)
    np.testing.assert_array_equal(large, bicubic(picture, 3))


def test_answers_are_rounded_and_clipped():
    tile = np.float32([[-3, 0.5], [1.49, 300]])
    large = enlarge_in_tiles(
        lambda tiles: np.tile(tile[None, ..., None], (len(tiles), 2, 2, 1)),
        np.zeros((2, 2, 1), "uint8"),
        tile=(2, 2),
        scale=2,
        margin=0,
    )
    np.testing.assert_array_equal(large[:2, :2, 0], [[0, 1], [1, 255]])


@pytest.mark.parametrize(
    "answer, how, message",
    [
        (None, dict(margin=8), "leave something of a tile: received margin=8, tile 16x16"),
        (None, dict(margin=-1), "leave something of a tile: received margin=-1"),
        (lambda x: x, {}, r"become \(\d+, 32, 32, 3\): received \(\d+, 16, 16, 3\)"),
        (lambda x: np.full((len(x), 32, 32, 3), np.nan), {}, "not a finite number"),
    ],
)
def test_what_cannot_be_joined_is_refused(answer, how, message):
    with pytest.raises(UserError, match=message):
        enlarge_in_tiles(answer, PICTURE, **{"tile": (16, 16), "scale": 2, "margin": 4, **how})


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(UserError, match="must have pixels: received 0x4"):
        enlarge_in_tiles(None, PICTURE[:0, :4], tile=(16, 16), scale=2)
