"""Pictures with alpha, and masks of what is missing."""

import numpy as np
import pytest
from PIL import Image

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture
from keras_vit.images.holes import (
    colours,
    missing_in,
    outlined,
    read_mask,
    read_with_hole,
    with_alpha,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (6, 9, 3), dtype="uint8")
MASK = np.zeros((6, 9), bool)
MASK[2:4, 3:8] = True


def save(path, pixels, mode=None):
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "P"])
def test_a_mask_is_white_where_pixels_are_missing(tmp_path, mode):
    path = save(tmp_path / "mask.png", (255 * MASK).astype("uint8"), mode)
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_greys_are_split_in_the_middle(tmp_path):
    levels = np.array([[0, 127, 128, 255]], "uint8")
    missing = read_mask(save(tmp_path / "mask.png", levels))
    np.testing.assert_array_equal(missing, [[False, False, True, True]])


@pytest.mark.parametrize(
    "pixels, message",
    [
        (np.zeros((4, 5), "uint8"), "white where pixels are to be filled: .* is all black"),
        (np.full((4, 5), 200, "uint8"), "black where pixels are known: .* is all white"),
        (PICTURE, "A mask must be black and white: .*mask.png has colours"),
    ],
)
def test_a_mask_that_is_none_is_refused(tmp_path, pixels, message):
    with pytest.raises(UserError, match=message):
        read_mask(save(tmp_path / "mask.png", pixels))


def test_alpha_is_kept_where_it_is_asked_for(tmp_path):
    transparent = with_alpha(PICTURE, MASK)
    path = save(tmp_path / "rgba.png", transparent)
    np.testing.assert_array_equal(decode_picture(path, alpha=True), transparent)
    np.testing.assert_array_equal(decode_picture(path), PICTURE)
    np.testing.assert_array_equal(
        decode_picture(save(tmp_path / "x.png", PICTURE), alpha=True), PICTURE
    )
    grey = with_alpha(PICTURE[..., :1], MASK)
    np.testing.assert_array_equal(decode_picture(save(tmp_path / "la.png", grey), alpha=True), grey)
    palette = Image.fromarray(PICTURE[..., 0] // 128, "L").convert("P")
    palette.save(tmp_path / "palette.png", transparency=1)
    assert decode_picture(tmp_path / "palette.png", alpha=True).shape == (6, 9, 4)


def test_a_hole_is_what_is_transparent_and_what_a_mask_says(tmp_path):
    plain = save(tmp_path / "plain.png", PICTURE)
    np.testing.assert_array_equal(read_with_hole(plain, MASK), with_alpha(PICTURE, MASK))
    transparent = save(tmp_path / "rgba.png", with_alpha(PICTURE, MASK))
    np.testing.assert_array_equal(read_with_hole(transparent), with_alpha(PICTURE, MASK))
    both = read_with_hole(transparent, np.roll(MASK, 2, 0))
    np.testing.assert_array_equal(missing_in(both), MASK | np.roll(MASK, 2, 0))
    in_bytes = read_with_hole(transparent.read_bytes(), formats=("PNG",))
    np.testing.assert_array_equal(in_bytes, read_with_hole(transparent))


def test_a_picture_that_cannot_be_filled_is_named(tmp_path):
    plain = save(tmp_path / "plain.png", PICTURE)
    for mask, message in (
        (MASK[:, :8], "plain.png has 9 by 6 pixels, the mask 8 by 6"),
        (None, "must be transparent where it is to be filled, or have a mask .*png has no hole"),
        (~np.zeros_like(MASK), "must leave something of its picture: .* is one whole hole"),
    ):
        with pytest.raises(UserError, match=message):
            read_with_hole(plain, mask)
    with pytest.raises(UserError, match="The picture has no hole"):
        read_with_hole(plain.read_bytes())


def test_channels_and_alpha_are_told_apart():
    for channels in (1, 3):
        image = with_alpha(PICTURE[..., :channels], MASK)
        assert image.dtype == np.uint8 and image.shape == (6, 9, channels + 1)
        np.testing.assert_array_equal(colours(image), PICTURE[..., :channels])
        np.testing.assert_array_equal(missing_in(image), MASK)
        np.testing.assert_array_equal(colours(colours(image)), PICTURE[..., :channels])


def test_the_border_of_a_hole_is_drawn():
    black = np.zeros((6, 9, 3), "uint8")
    hole = np.zeros((6, 9), bool)
    hole[1:5, 2:7] = True
    white = outlined(black, hole)[..., 0] == 255
    assert white.sum() == 4 * 5 - 2 * 3 and not white[2:4, 3:6].any() and not white[~hole].any()
    at_edge = np.zeros((6, 9), bool)
    at_edge[:3] = True
    assert outlined(black, at_edge)[:2].max() == 0
