"""Which orientation of a file counts: files made byte by byte, the same answer of every reader."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from exif_files import CASES, JPEG, LONG, entry, others, plain, tiff
from PIL import Image
from zoo import SMOOTH, encode

from keras_vit.export.decode_in_graph import decode as decode_served
from keras_vit.images.decode import decode_picture
from keras_vit.images.exif import orientation_of
from keras_vit.images.graph_decode import decode as decode_trained
from keras_vit.images.graph_exif import orientation

PICTURE_JS = Path(__file__).parents[2] / "keras_vit" / "serve" / "picture.js"


@pytest.fixture(scope="module")
def in_graph():
    return tf.function(orientation, input_signature=[tf.TensorSpec((), tf.string)])


# One test of all cases: between tests the seed is set anew, which makes TensorFlow forget what it
# has compiled.
def test_python_and_the_graph_find_the_orientation(in_graph):
    for name, (data, expected) in CASES.items():
        file = io.BytesIO(data)
        file.seek(5)
        assert orientation_of(file) == expected and file.tell() == 5, name
        assert in_graph(data).numpy() == expected, name


UPRIGHT = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: np.transpose(x, (1, 0, 2)),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(np.transpose(x, (1, 0, 2)), 2),
    8: np.rot90,
}


@pytest.fixture(scope="module")
def readers():
    """The three that decode: Pillow's, that of training and evaluation, and that of serving."""
    spec = [tf.TensorSpec((), tf.string)]
    trained = tf.function(decode_trained, input_signature=spec)
    served = tf.function(lambda data: decode_served(data, 3), input_signature=spec)
    return decode_picture, lambda x: trained(x).numpy(), lambda x: served(x).numpy()


def test_every_reader_turns_the_pixels_by_it(readers):
    for name, (data, expected) in CASES.items():
        stored = SMOOTH if name.endswith("png") else np.asarray(Image.open(io.BytesIO(JPEG)))
        stored = stored.astype(int)
        for reader in readers:
            pixels = reader(data).astype(int)
            assert pixels.shape == UPRIGHT[expected](stored).shape, name
            assert np.abs(pixels - UPRIGHT[expected](stored)).max() <= 2, name


def test_webp_and_tiff_are_turned_as_their_own_tag_says():
    image = Image.fromarray(SMOOTH)
    for order in "<>":
        data = encode(image, "webp", lossless=True, exif=plain(order, 6, LONG))
        np.testing.assert_array_equal(decode_picture(data), np.rot90(SMOOTH, -1))
        thumbnail = tiff(order, others(order), [entry(order, 0x0112, 6)])
        data = encode(image, "webp", lossless=True, exif=thumbnail)
        np.testing.assert_array_equal(decode_picture(data), SMOOTH)
    data = encode(image, "tiff", tiffinfo={0x0112: 6})
    np.testing.assert_array_equal(decode_picture(data), np.rot90(SMOOTH, -1))


def test_a_file_that_ends_anywhere_has_an_orientation(in_graph):
    for data in (
        b"\xff\xd8\xff no picture",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\xff" * 9,
        b"\xff\xd8\xff\xe1\x00\x08Exif\x00\x00",
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 9,
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\x01eXIf",
    ):
        for length in range(len(data) + 1):  # the error of a read behind the end cannot be shown
            part = data[:length]
            assert in_graph(part) == orientation_of(io.BytesIO(part)) == 1, part


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_pages_find_the_same_orientation(tmp_path):
    for name, (data, _) in CASES.items():
        (tmp_path / name).write_bytes(data)
    program = (
        "const {readFileSync, readdirSync} = await import('node:fs');"
        f"const {{orientationOf}} = await import({json.dumps(PICTURE_JS.as_uri())});"
        "const found = {};"
        f"const folder = {json.dumps(str(tmp_path))};"
        "for (const name of readdirSync(folder))"
        " found[name] = orientationOf(new Uint8Array(readFileSync(`${folder}/${name}`)));"
        "console.log(JSON.stringify(found));"
    )
    words = ["node", "--experimental-default-type=module", "--input-type=module", "-e", program]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    expected = {name: value for name, (_, value) in CASES.items()}
    assert json.loads(answer.stdout) == expected
