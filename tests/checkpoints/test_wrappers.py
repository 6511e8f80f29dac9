"""Checkpoints saved from wrappers: what follows the common prefix is recognised."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from test_golden import read, told, write

from keras_vit.checkpoints import load, recognise

PREFIXES = (
    "module.", "_orig_mod.", "model.", "backbone.", "timm_model.", "encoder.",
    "module._orig_mod.", "model.backbone.", "_orig_mod.module.model.encoder.", "0.",
)  # fmt: skip
FAMILIES = ("timm_vit", "hf_vit", "hf_deit", "hf_mae", "hf_dinov2", "google_vit", "timm_siglip")


# Each family and each prefix once in the fast suite, all pairs in the slow one.
PAIRS = [
    pytest.param(family, prefix, marks=[pytest.mark.slow] if row and column else [])
    for row, family in enumerate(FAMILIES)
    for column, prefix in enumerate(PREFIXES)
]


@pytest.mark.parametrize("family, prefix", PAIRS)
def test_what_follows_the_common_prefix_is_recognised(tmp_path, family, prefix):
    images, outputs, arrays = read(family)
    if family.startswith("google"):
        prefix = prefix.replace(".", "/")
    source = write(tmp_path, family, {prefix + name: array for name, array in arrays.items()})
    checkpoint = recognise(source, **told(family))
    assert f"names behind {prefix!r};" in str(checkpoint)
    np.testing.assert_allclose(load(checkpoint)(images), outputs, rtol=1e-5, atol=1e-5)


def test_nothing_is_said_where_nothing_precedes_the_names(tmp_path):
    for family in ("timm_vit", "hf_vit", "big_vision_map"):
        checkpoint = recognise(write(tmp_path, family, read(family)[2]), **told(family))
        assert "behind" not in str(checkpoint) and checkpoint.prefix == ""


@pytest.mark.parametrize("around", ["", "module."])
@pytest.mark.parametrize("family, head", [("timm_vit", "head."), ("hf_vit", "classifier.")])
def test_a_head_beside_the_backbone_is_used(tmp_path, family, head, around):
    images, outputs, arrays = read(family)
    renamed = {
        around + ("" if name.startswith(head) else "backbone.") + name.removeprefix("vit."): array
        for name, array in arrays.items()
    }
    checkpoint = recognise(write(tmp_path, family, renamed), **told(family))
    assert f"behind '{around}backbone.' and {around}{head}bias and {around}{head}weight" in str(
        checkpoint
    )
    np.testing.assert_allclose(load(checkpoint)(images), outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "extra, message",
    [
        ("optimizer.exp_avg", r"has 1 arrays that are not known: optimizer\.exp_avg"),
        ("fc.weight", r"has 1 arrays that are not known: fc\.weight"),
        ("backbone.more", r"has 1 arrays that are not known: more"),
        ("head.weight", r"must hold head\.weight once: it holds it twice"),
        ("teacher.patch_embed.proj.weight", "holds 2 models, behind 'backbone.' and 'teacher.'"),
        ("patch_embed.proj.weight", "holds 2 models, behind '' and 'backbone.'"),
    ],
)
def test_what_else_is_beside_the_prefix_is_refused_by_name(tmp_path, extra, message):
    arrays = {f"backbone.{name}": array for name, array in read("timm_vit")[2].items()}
    source = tmp_path / "weights.safetensors"
    save_file({**arrays, extra: np.zeros(3, "float32")}, source)
    with pytest.raises(ValueError, match=f"weights.safetensors.*{message}"):
        recognise(source, num_heads=2)


def test_a_part_of_a_name_is_no_prefix(tmp_path):
    arrays = {f"my_{name}": array for name, array in read("timm_vit")[2].items()}
    with pytest.raises(ValueError, match="is no Vision Transformer"):
        recognise(write(tmp_path, "timm_vit", arrays), num_heads=2)
