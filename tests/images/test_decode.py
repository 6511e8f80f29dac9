import io
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image
from zoo import SMOOTH, broken_pictures, encode, png_header, turned

from keras_vit.images.decode import MAX_ASPECT, MAX_PIXELS, decode_picture

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 10)).astype("uint8")


@pytest.mark.parametrize("kind", ["png", "bmp", "webp"])
def test_lossless_pictures_come_back_bit_for_bit(kind):
    options = {"lossless": True} if kind == "webp" else {}
    data = encode(Image.fromarray(SMOOTH), kind, **options)
    np.testing.assert_array_equal(decode_picture(data), SMOOTH)


def test_bytes_files_and_paths_are_read_alike(tmp_path):
    path = tmp_path / "größe 圖.png"
    Image.fromarray(GREY).save(path)
    for file in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(decode_picture(file)[..., 0], GREY)


def test_one_pixel_is_a_picture():
    assert decode_picture(encode(Image.new("RGB", (1, 1), "red"), "png")).tolist() == [
        [[255, 0, 0]]
    ]
    assert decode_picture(encode(Image.new("1", (1, 1), 1), "png")).tolist() == [[[255]]]


def test_a_jpeg_for_print_comes_out_in_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode_picture(encode(red, "jpeg", quality=95))
    np.testing.assert_allclose(pixels, np.broadcast_to([255, 0, 0], (16, 16, 3)), atol=6)


def test_sixteen_bits_keep_their_brightness():
    deep = decode_picture(encode(Image.fromarray(GREY.astype("uint16") * 257), "png"))
    np.testing.assert_array_equal(deep[..., 0], GREY)


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255])])
def test_transparency_is_dropped(transparency):
    palette = Image.fromarray(GREY % 3)
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    pixels = decode_picture(encode(palette, "png", transparency=transparency))
    colours = np.arange(10, 100, 10).reshape(3, 3)
    np.testing.assert_array_equal(pixels, colours[GREY % 3])
    for mode, channels in {"RGBA": 3, "LA": 1}.items():
        alpha = Image.new(mode, (4, 4), (9, 9, 9, 0)[: len(mode)] if mode == "RGBA" else (9, 0))
        assert decode_picture(encode(alpha, "png")).shape == (4, 4, channels)
        assert (decode_picture(encode(alpha, "png")) == 9).all()


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 8), name) for name in ("lime", "blue")]
    for kind in ("gif", "webp"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(decode_picture(data)[0, 0], [0, 255, 0], atol=3)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_the_camera_s_orientation_is_respected(kind):
    image = Image.fromarray(SMOOTH)
    data = [encode(image, kind, **options) for options in ({}, {"exif": turned(image)})]
    plain, upright = map(decode_picture, data)
    np.testing.assert_array_equal(upright, np.rot90(plain, -1))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0MM\0*\0\0\0\x08\0\xff", b"Exif\0\0II*\0\xff", b"Exif\0\0"]
)
def test_damaged_exif_is_no_damaged_picture(exif):
    data = encode(Image.fromarray(SMOOTH), "jpeg", dpi=(72, 72))  # or opening reads EXIF
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    np.testing.assert_array_equal(
        decode_picture(data[:2] + segment + data[2:]), decode_picture(data)
    )


@pytest.mark.parametrize(
    "name, message",
    [
        ("empty.png", "is no image: it is empty.$"),
        ("text.jpg", "is no image.$"),
        ("cut.jpg", "cannot be decoded: .*trunc"),
        ("cut.png", "cannot be decoded: "),
        ("cut.webp", "cannot be decoded: "),
        ("bomb.png", "cannot be decoded: "),
    ],
)
def test_what_is_broken_is_a_sentence(tmp_path, name, message):
    path = tmp_path / name
    path.write_bytes(broken_pictures()[name])
    for file, subject in ((path, str(path)), (path.read_bytes(), "The picture")):
        with pytest.raises(ValueError, match=f"^{subject} {message}") as error:
            decode_picture(file)
        assert "\n" not in str(error.value)


def test_a_picture_beyond_the_limit_is_refused_from_its_header():
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"cannot be decoded: .*400000000.*{MAX_PIXELS}"):
        decode_picture(png_header(20_000, 20_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
    with pytest.raises(ValueError, match="cannot be decoded: "):  # allowed, and damaged
        decode_picture(png_header(100, 100))


@pytest.mark.parametrize("size", [(1, MAX_ASPECT + 1), (2 * MAX_ASPECT + 1, 2)])
def test_a_picture_longer_than_the_limit_is_refused(size):
    # It would fill memory where it covers the square of a model.
    with pytest.raises(ValueError, match=f"at most 128: .*has {size[0]} by {size[1]} pixels"):
        decode_picture(encode(Image.new("L", size), "png"))
    assert decode_picture(encode(Image.new("L", (1, MAX_ASPECT)), "png")).shape == (128, 1, 1)


def test_large_pictures_are_decoded_without_a_word_in_any_thread(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # 60 pixels: a warning of Pillow's
    open_at_once = Image.open

    def open_slowly(file, formats):
        time.sleep(0.002)
        return open_at_once(file, formats=formats)

    monkeypatch.setattr(Image, "open", open_slowly)
    data, before, failures = encode(Image.fromarray(GREY), "png"), list(warnings.filters), []

    def decode():
        try:
            for _ in range(5):
                decode_picture(data)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=decode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and warnings.filters == before
