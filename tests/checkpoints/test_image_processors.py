"""`preprocessor_config.json` and `pretrained_cfg`, against transformers' own processors."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from keras_vit.checkpoints import load
from keras_vit.checkpoints.image_processors import read_processor, read_timm
from keras_vit.data import centre_crop
from keras_vit.errors import UserError
from keras_vit.images.crop import crop_pixels, read_image
from keras_vit.images.graph_crop import crop_images
from keras_vit.images.preprocessing import Preprocessing

WEIGHTS = os.environ.get("KERAS_VIT_WEIGHTS")
with np.load(Path(__file__).parents[1] / "golden" / "preprocessors.npz") as archive:
    GOLDEN = dict(archive)
PICTURES = [GOLDEN[name] for name in sorted(GOLDEN) if name.startswith("picture_")]
NAMES = sorted(name.removesuffix("_said") for name in GOLDEN if name.endswith("_said"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", ["said", "saved"])
def test_pictures_are_those_of_transformers(name, config):
    found = read_processor(json.loads(str(GOLDEN[f"{name}_{config}"])))
    assert found["notes"] == ()
    mean, std = (np.array(found[key]) for key in ("mean", "std"))
    for number, picture in enumerate(PICTURES):
        expected = GOLDEN[f"{name}_{number}"]
        # Back to levels: what differs by one is not hidden by a tolerance.
        levels = 255 * (expected.astype(float) * std + mean)
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
        pixels = crop_pixels(picture, found["preprocessing"])
        np.testing.assert_array_equal(pixels, np.rint(levels))
        np.testing.assert_allclose((pixels / 255 - mean) / std, expected, rtol=1e-5, atol=1e-6)
        in_graph = crop_images(picture[None], found["preprocessing"]).numpy()[0].astype(int)
        assert np.abs(in_graph - pixels).max() <= 1


def test_transformers_truncates_where_timm_rounds():
    """Of 35 pixels 28 are kept: 3.5 pixels before them, which timm makes 4 and transformers 3."""
    picture = PICTURES[0]
    said = json.loads(str(GOLDEN["deit_odd_said"]))
    ours = read_processor(said)["preprocessing"]
    assert (ours.resized, ours.crop_offset) == ((35, 35), "floor")
    theirs = crop_pixels(picture, ours.but(crop_offset="round"))
    assert (theirs != crop_pixels(picture, ours)).any()
    np.testing.assert_array_equal(theirs[:-1, :-1], crop_pixels(picture, ours)[1:, 1:])


@pytest.mark.parametrize("model_type, expected", [("vit", 2), ("deit", 3), ("dinov2", 3)])
def test_a_file_that_names_no_processor_is_read_as_its_model_s(model_type, expected):
    found = read_processor({}, model_type)
    kernel = {2: "bilinear", 3: "bicubic"}[expected]
    assert found["preprocessing"].interpolation == kernel and found["notes"] == ()
    assert found["preprocessing"].image_size is None  # the file says none


def test_whatever_the_sizes_the_resized_sides_are_those_of_the_file():
    for size in range(20, 300):
        for crop in range(size // 15 + 1, size + 1, 7):
            config = {"size": size, "crop_size": crop, "image_processor_type": "BitImageProcessor"}
            found = read_processor(config)["preprocessing"]
            assert found.resized == (size, size) and found.image_size == (crop, crop)


BIT = dict(image_processor_type="BitImageProcessor")


@pytest.mark.parametrize(
    "config, note",
    [
        (dict(do_resize=False), "do_resize=false"),
        (dict(resample=1), "resample=1 (lanczos; bicubic is used)"),
        (dict(resample=0), "resample=0 (nearest"),
        (dict(do_center_crop=True, crop_size=30, size=28), "crop_size beyond size"),
        (dict(size={"shortest_edge": 28}), "shortest_edge without do_center_crop"),
        (dict(**BIT, crop_size={"height": 20, "width": 28}), "no square"),
        (
            dict(do_center_crop=True, size=32, crop_size={"height": 20, "width": 28}),
            "one share is kept of both sides",
        ),
        (dict(crop_pct=0.9, image_processor_type="ViTImageProcessor"), "crop_pct"),
        (dict(image_processor_type="NewImageProcessor"), "image_processor_type='New'"),
        (dict(do_pad=True), "do_pad=true"),
        (dict(do_flip_channel_order=True), "do_flip_channel_order=true"),
    ],
)
def test_what_is_not_done_is_noted_by_its_name(config, note):
    assert note in ", ".join(read_processor(config)["notes"])


@pytest.mark.parametrize(
    "config, message",
    [
        (dict(size="224"), "size must be an integer"),
        (dict(size=0), "size cannot be read: received"),
        (dict(size={}), "size cannot be read: received {}"),
        (dict(size={"height": 224}), "size cannot be read"),
        (dict(size={"height": 224, "width": "224"}), "width must be an integer"),
        (dict(size=[224]), "size must be an integer"),
        (dict(resample="bicubic"), "resample must be an integer"),
        (dict(resample=17), "resample must be one of Pillow's: received 17"),
        (dict(do_resize="yes"), "do_resize must be true or false"),
        (dict(do_center_crop=True, crop_size=-1), "crop_size cannot be read"),
        (dict(do_center_crop=True, crop_size={"shortest_edge": 3}), "crop_size must be two sides"),
        (dict(do_center_crop=True, size=224, crop_size=1), "`crop_ratio` must lie in"),
        (dict(rescale_factor=0), "rescale_factor must be above 0"),
        (dict(image_std=[0.5, 0.0, 0.5]), "`std` must be above 0"),
        (dict(image_mean="0.5"), "image_mean must be numbers"),
        (dict(image_mean=10**400), "image_mean must be a number"),
        (dict(image_processor_type=3), "image_processor_type must be a text"),
        (dict(crop_pct=7, image_processor_type="ConvNextImageProcessor"), "crop_pct must lie in"),
    ],
)
def test_nonsense_is_one_sentence(config, message):
    with pytest.raises(UserError, match=message.replace("{}", r"\{\}")) as error:
        read_processor(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "config, expected",
    [
        ({}, Preprocessing(crop_ratio=0.875)),
        (dict(pretrained_cfg=dict(crop_pct=0.9)), Preprocessing(crop_ratio=0.9)),
        (dict(crop_pct=0.9, interpolation="bilinear"), None),  # an old file, without pretrained_cfg
        (
            dict(pretrained_cfg=dict(crop_pct=1.0, crop_mode="squash")),
            Preprocessing(fit="squash"),
        ),
    ],
)
def test_timm_s_configuration_is_read(config, expected):
    expected = expected or Preprocessing(crop_ratio=0.9, interpolation="bilinear")
    assert read_timm(config) == dict(preprocessing=expected, notes=())


@pytest.mark.parametrize(
    "config, note",
    [
        (dict(crop_pct=1.14), "crop_pct=1.14 (the nearest"),
        (dict(crop_mode="border"), "crop_mode='border'"),
        (dict(interpolation="lanczos"), "interpolation='lanczos' (bicubic is used)"),
    ],
)
def test_what_timm_does_and_we_do_not_is_noted(config, note):
    (said,) = read_timm(dict(pretrained_cfg=config))["notes"]
    assert note in said


@pytest.mark.parametrize(
    "config, message",
    [
        (dict(crop_pct=-1), "crop_pct must be above 0"),
        (dict(crop_pct="0.9"), "crop_pct must be a number"),
        (dict(crop_pct=10**400), "crop_pct must be a number"),
        (dict(interpolation=3), "interpolation must be a text"),
    ],
)
def test_nonsense_of_timm_is_one_sentence(config, message):
    with pytest.raises(UserError, match=message):
        read_timm(dict(pretrained_cfg=config))


# SHA-256 of the uint8 pixels that the slow processors of transformers 4.57.6 make of 40 photographs
# (every fifth by name), with Pillow 13.0.0.
DIGESTS = {
    "ViTImageProcessor": "f334f35c668384fc",
    "DeiTImageProcessor": "a96652a6d5f5f93a",
    "BitImageProcessor": "42062e62dd611839",
}


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS, reason="KERAS_VIT_WEIGHTS names no folder of real weights")
@pytest.mark.parametrize("name", DIGESTS)
def test_real_photographs_are_those_of_transformers_and_so_are_the_classes(name):
    config = {"image_processor_type": name}
    size = {"shortest_edge": 256} if name == "BitImageProcessor" else {}
    preprocessing = read_processor({**config, **({"size": size} if size else {})})["preprocessing"]
    preprocessing = preprocessing.but(image_size=224)
    folder = Path(WEIGHTS)
    files = sorted((folder.parent / "imagenet_samples" / "images").iterdir())[::5][:40]
    pixels = np.stack([read_image(path, preprocessing) for path in files])
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == DIGESTS[name]
    in_graph = [centre_crop(path.read_bytes(), preprocessing=preprocessing) for path in files]
    model = load(folder / "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors")
    answers = [model.predict(np.stack(x), verbose=0).argmax(-1) for x in (pixels, in_graph)]
    np.testing.assert_array_equal(*answers)  # 40 of 40


def test_a_longest_edge_is_noted():
    size = {"shortest_edge": 256, "longest_edge": 300}
    found = read_processor({"image_processor_type": "BitImageProcessor", "size": size})
    assert found["notes"] == ("longest_edge (only shortest_edge is used)",)
