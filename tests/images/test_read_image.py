import io

import numpy as np
import pytest
from PIL import Image

from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 10)).astype("uint8")
COLOUR = RNG.integers(0, 256, (6, 10, 3)).astype("uint8")


def read(picture, shape, **options):
    """The picture as a model of images of a shape `(H, W, C)` sees it, whole."""
    preprocessing = Preprocessing(image_size=shape[:2])
    return read_image(picture, preprocessing, channels=shape[2], **options)


def save(path, image):
    image.save(path)
    return path


def test_a_picture_of_the_right_size_is_read_as_it_is(tmp_path):
    grey = save(tmp_path / "grey.png", Image.fromarray(GREY))
    colour = save(tmp_path / "colour.png", Image.fromarray(COLOUR))
    np.testing.assert_array_equal(read(grey, (6, 10, 1))[..., 0], GREY)
    np.testing.assert_array_equal(read(colour, (6, 10, 3)), COLOUR)


def test_grey_serves_a_colour_model_but_colour_no_grey_one(tmp_path):
    grey = save(tmp_path / "grey.png", Image.fromarray(GREY))
    np.testing.assert_array_equal(read(grey, (6, 10, 3)), np.repeat(GREY[..., None], 3, -1))
    colour = save(tmp_path / "colour.png", Image.fromarray(COLOUR))
    with pytest.raises(ValueError, match=r"takes 1 channel: .*colour.png has 3 \(RGB\)"):
        read(colour, (6, 10, 1))


def test_colour_that_is_grey_serves_a_grey_model(tmp_path):
    colour = Image.fromarray(np.repeat(GREY[..., None], 3, -1))
    palette = Image.fromarray(GREY)
    palette.putpalette([level for level in range(256) for _ in "RGB"])
    for picture in (colour, palette, colour.convert("RGBA")):
        path = save(tmp_path / "grey.png", picture)
        np.testing.assert_array_equal(read(path, (6, 10, 1))[..., 0], GREY)


@pytest.mark.parametrize("dtype, value", [("float32", 0.5), ("int32", 70_000), ("int32", -1)])
def test_pixels_of_unknown_range_are_refused(tmp_path, dtype, value):
    path = save(tmp_path / "odd.tif", Image.fromarray(np.full((6, 10), value, dtype)))
    with pytest.raises(ValueError, match="odd.tif holds .* whose range is not known"):
        read(path, (6, 10, 1))


def test_a_large_picture_is_read_without_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    path = save(tmp_path / "large.png", Image.fromarray(GREY))  # 60 pixels: a warning of Pillow's
    np.testing.assert_array_equal(read(path, (6, 10, 1))[..., 0], GREY)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ValueError, match="cannot be decoded: .*decompression bomb"):
        read(path, (6, 10, 1))


def test_formats_can_be_told():
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "BMP")
    assert read(file.getvalue(), (6, 10, 1)).shape == (6, 10, 1)
    with pytest.raises(ValueError, match="is no image"):
        read(file.getvalue(), (6, 10, 1), formats=("JPEG", "PNG"))


def test_a_model_of_other_channels_takes_no_picture_file(tmp_path):
    grey = save(tmp_path / "grey.png", Image.fromarray(GREY))
    with pytest.raises(ValueError, match="hold 1 or 3 channels: the model takes 4"):
        read(grey, (6, 10, 4))


def test_sixteen_bits_keep_their_brightness(tmp_path):
    path = save(tmp_path / "deep.png", Image.fromarray(GREY.astype("uint16") * 256))
    np.testing.assert_allclose(read(path, (6, 10, 1))[..., 0], GREY.astype(int), atol=1)


def test_palette_and_alpha_come_out_as_colour(tmp_path):
    flat = Image.new("RGB", (10, 6), (10, 200, 30))
    palette = save(tmp_path / "palette.png", flat.convert("P", palette=Image.Palette.ADAPTIVE))
    alpha = save(tmp_path / "alpha.png", flat.convert("RGBA"))
    for path in (palette, alpha):
        np.testing.assert_array_equal(read(path, (6, 10, 3)), np.asarray(flat))


def test_the_camera_s_orientation_is_respected(tmp_path):
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    upright = read(tmp_path / "turned.png", (10, 6, 1))[..., 0]
    np.testing.assert_array_equal(upright, np.rot90(GREY, -1))


def test_the_middle_is_cut_from_a_wide_picture(tmp_path):
    wide = np.zeros((20, 60), "uint8")
    wide[:, 20:40] = 200
    path = save(tmp_path / "wide.png", Image.fromarray(wide))
    np.testing.assert_array_equal(read(path, (20, 20, 1)), 200)
    assert read(path, (10, 10, 1)).mean() > 190


@pytest.mark.parametrize(
    "content, message",
    [(b"", "is no image"), (b"no image", "is no image"), (None, "cannot be decoded")],
)
def test_a_broken_file_is_a_sentence(tmp_path, content, message):
    path = tmp_path / "broken.jpg"
    if content is None:
        Image.fromarray(np.tile(COLOUR, (20, 20, 1))).save(path)
        content = path.read_bytes()[:2000]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(path, (6, 10, 3))


def test_a_missing_file_and_a_folder_are_sentences(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file .*nothing.png"):
        read(tmp_path / "nothing.png", (6, 10, 3))
    with pytest.raises(ValueError, match="cannot be decoded"):
        read(tmp_path, (6, 10, 3))
