"""Hybrids of timm and Google: what their golden files do not show."""

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_golden import read, write

from keras_vit.checkpoints import export_timm, load, recognise
from keras_vit.models import vit
from keras_vit.tasks import classifier


def recognised(folder, family):
    images, outputs, arrays = read(family)
    return images, outputs, recognise(write(folder, family, arrays), **told(family))


def told(family):
    return dict(num_heads=2) if family.startswith("timm") else {}


@pytest.mark.parametrize("family, other", [("timm_hybrid", "flax"), ("google_hybrid", "timm")])
def test_each_has_its_own_epsilons(tmp_path, family, other):
    images, outputs, found = recognised(tmp_path, family)
    config = found.architecture.config
    assert config.stem_blocks == (2, 1) and config.cut_size == 2 and config.patch_size == 16
    assert {config.stem_epsilons, other} == {"timm", "flax"}
    assert "stem resnet (2, 1)" in str(found)
    config = dataclasses.replace(config, stem_epsilons=other)
    architecture = dataclasses.replace(found.architecture, config=config)
    model = load(dataclasses.replace(found, architecture=architecture))
    assert np.abs(np.asarray(model(images)) - outputs).max() > 1e-4


def test_group_norms_of_published_files_have_four_axes(tmp_path):
    """As `_fix_groupnorm` of vision_transformer's `checkpoint.py` expects them."""
    images, outputs, arrays = read("google_hybrid_root")
    for name in ("gn_root/scale", "gn_root/bias"):
        arrays[name] = arrays[name][None, None, None]
    model = load(write(tmp_path, "google_hybrid_root", arrays))
    np.testing.assert_allclose(model(images), outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["timm_hybrid", "google_hybrid_root"])
def test_a_hybrid_takes_images_of_another_size_and_no_other_patches(tmp_path, family):
    found = recognised(tmp_path, family)[-1]
    assert load(found, image_size=(64, 32), num_classes=3).output_shape == (None, 3)
    for wrong in (dict(patch_size=32), dict(channels=1)):
        with pytest.raises(ValueError, match="change only with stem='linear': received stem='resn"):
            load(found, **wrong)


@pytest.mark.parametrize(
    "blocks, name",
    [
        ((), "vit_tiny_r_s16_p8_224"),
        pytest.param((2, 2, 2, 2), "vit_small_r26_s32_224", marks=pytest.mark.slow),
    ],
)
def test_what_is_written_for_timm_is_read_again(tmp_path, blocks, name):
    ours = classifier(vit("mu/32", image_size=32, stem="resnet", stem_blocks=blocks), 3)
    arguments = export_timm(ours, tmp_path / "ours.safetensors")
    assert arguments["model_name"] == name and arguments["patch_size"] == (1 if blocks else 8)
    root = "patch_embed.backbone." + ("stem." if blocks else "")
    assert load_file(tmp_path / "ours.safetensors")[f"{root}conv.weight"].shape == (64, 3, 7, 7)
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("uint8")
    again = load(tmp_path / "ours.safetensors")
    np.testing.assert_allclose(again(images), ours(images), atol=1e-6)


def test_too_many_stages_are_refused(tmp_path):
    arrays = read("google_hybrid")[2]
    arrays["block900000000/unit1/conv1/kernel"] = np.zeros(1, "float32")
    with pytest.raises(ValueError, match="up to 4 stages: received 900000000"):
        recognise(write(tmp_path, "google_hybrid", arrays))
