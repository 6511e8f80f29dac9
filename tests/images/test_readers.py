"""One odd-sized picture, several ways to preprocess it, and the same pixels for every reader."""

import io
import json
import shutil
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf
from exif_files import LONG, chunk, entry, tiff
from PIL import Image
from thinned import thinned

from keras_vit.data import EncodedSplit, centre_crop, fitted_batches
from keras_vit.errors import UserError
from keras_vit.export.saved_model import endpoints
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import vit
from keras_vit.serve import __path__ as serve_folder
from keras_vit.tasks import classifier

SIZE = (16, 24)
WAYS = {
    "timm": Preprocessing(image_size=SIZE, crop_ratio=0.875),
    "whole": Preprocessing(image_size=SIZE),
    "bilinear": Preprocessing(image_size=SIZE, crop_ratio=0.9, interpolation="bilinear"),
    "vit": Preprocessing(image_size=SIZE, fit="squash", interpolation="bilinear"),
    "deit": Preprocessing(image_size=SIZE, crop_ratio=0.8, fit="squash", crop_offset="floor"),
    "kept": Preprocessing(image_size=SIZE, fit="keep"),
    "dinov2": Preprocessing(image_size=SIZE, crop_ratio=0.71, crop_offset="floor"),
}


def picture(height, width, orientation):
    rng = np.random.default_rng(height)
    # Without black and white, where a level of the first pass is weighed by more than one.
    small = rng.integers(64, 192, (height // 6 + 1, width // 6 + 1, 3)).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    tag = chunk(b"eXIf", tiff(">", [entry(">", 0x0112, orientation, LONG)]))
    return file.getvalue()[:33] + tag + file.getvalue()[33:]


FILES = [picture(61, 83, 1), picture(61, 83, 6), picture(131, 37, 1), picture(9, 14, 3)]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return classifier(vit("mu/4", image_size=SIZE), 3)


@pytest.mark.parametrize("way", thinned(WAYS, fast=1))
def test_python_training_evaluation_and_serving_see_the_same_pixels(way, model):
    preprocessing = WAYS[way]
    by_pillow = np.stack([read_image(file, preprocessing) for file in FILES])
    in_graph = np.stack([centre_crop(file, preprocessing=preprocessing) for file in FILES])
    assert np.abs(by_pillow.astype(int) - in_graph).max() <= 1
    with tf.device("CPU"):
        data = tf.constant(FILES)
    split = EncodedSplit(len(FILES), lambda i: {"image": tf.gather(data, i), "label": i}, str)
    ((batch, _),) = fitted_batches(split, preprocessing, batch_size=9).as_numpy_iterator()
    np.testing.assert_array_equal(batch, in_graph)
    serve, _ = endpoints(model, preprocessing=preprocessing)["serve_bytes"]
    served = serve(data)
    expected = keras.ops.softmax(model(in_graph))
    assert served["valid"].numpy().all()
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-6)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_pages_crop_the_same_pixels(tmp_path):
    plain = [0, 2, 3]  # which are not turned, as the browser hands them over
    pixels = [np.asarray(Image.open(io.BytesIO(FILES[index])).convert("RGB")) for index in plain]
    asked = {
        "images": [dict(height=len(x), width=len(x[0]), pixels=x.ravel().tolist()) for x in pixels],
        "ways": {name: way.to_json() for name, way in WAYS.items()},
    }
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    script = f"{serve_folder[0]}/picture.js"
    program = (
        "const {readFileSync} = await import('node:fs');"
        f"const {{cropMiddle}} = await import('file://{script}');"
        f"const asked = JSON.parse(readFileSync({json.dumps(str(tmp_path / 'asked.json'))}));"
        "const seen = {};"
        "for (const [name, way] of Object.entries(asked.ways)) seen[name] = asked.images.map("
        "image => Array.from(cropMiddle(image, way.image_size, way).pixels));"
        "console.log(JSON.stringify(seen));"
    )
    words = ["node", "--experimental-default-type=module", "--input-type=module", "-e", program]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    for name, seen in json.loads(answer.stdout).items():
        for index, image in zip(plain, seen, strict=True):
            by_pillow = read_image(unturned(index), WAYS[name]).astype(int)
            assert np.abs(np.reshape(image, by_pillow.shape) - by_pillow).max() <= 1, name


def unturned(index):
    """The file without the tag."""
    place = FILES[index].index(b"eXIf") - 4
    return FILES[index][:place] + FILES[index][place + 12 + 26 :]


@pytest.mark.parametrize(
    "values, message",
    [
        ([1], r"must be a dictionary: received \[1\]"),
        (dict(crop_ratio=0.04), r"`crop_ratio` must lie in \[0.05, 1\]: received 0.04"),
        (dict(crop_ratio=float("nan")), "`crop_ratio` must lie in"),
        (dict(crop_ratio=True), "`crop_ratio` must lie in"),
        (dict(interpolation=["bicubic"]), "`interpolation` must be bicubic or bilinear"),
        (dict(fit="pad"), "`fit` must be crop or squash or keep: received pad"),
        (dict(crop_offset="up"), "`crop_offset` must be round or floor: received up"),
        (dict(image_size=[224]), "`image_size` must be a height and a width"),
        (dict(image_size=[224, 0]), "`image_size` must be at least 1"),
        (dict(image_size="224"), "`image_size` must be a height and a width"),
        (dict(mean="0.5"), "`mean` must be a number, or one per channel"),
        (dict(std=[0.5, 0]), "`std` must be above 0"),
    ],
)
def test_nonsense_is_one_sentence(values, message):
    with pytest.raises(UserError, match=message):
        Preprocessing.from_json(values)


@pytest.mark.parametrize("way", WAYS)
def test_it_comes_back_from_json(way):
    preprocessing = WAYS[way].but(mean=[0.1, 0.2, 0.3], std=0.5)
    assert Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing


def test_old_files_and_files_of_tomorrow_are_read():
    old = {"crop_ratio": 0.9, "interpolation": "bilinear"}
    assert Preprocessing.from_json(old) == Preprocessing(**old)
    assert Preprocessing.from_json({**old, "channels": 3, "fit": None}) == Preprocessing(**old)
