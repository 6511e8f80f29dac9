"""Every family of checkpoints against what its own library answers, to the last digit."""

import functools
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file

from keras_vit.checkpoints import load, recognise
from keras_vit.checkpoints.architecture import Architecture

GOLDEN = Path(__file__).parents[1] / "golden"
FAMILIES = sorted(path.stem for path in GOLDEN.glob("*_*.npz"))
# A shift common to all keys moves every score of a query alike, which softmax does not see.
BLIND = ("/key/bias", "attention.key.bias", "k_norm.bias")
TOLD = {  # which no array shows
    "timm_clip_quickgelu": dict(activation="quick_gelu"),
    "hf_yolos": dict(grid=(2, 3)),
    "hf_yolos_first_positions": dict(grid=(2, 3)),
}


def read(family):
    """Returns a family's images, its outputs, and its arrays by name."""
    with np.load(GOLDEN / f"{family}.npz", allow_pickle=False) as archive:
        golden = {name: archive[name] for name in archive.files}
    arrays = {
        name.removeprefix("weights/"): array.astype("float32")
        for name, array in golden.items()
        if name.startswith("weights/")
    }
    return golden["images"], golden["outputs"], arrays


def write(folder, family, arrays):
    """Writes arrays as the family's library does."""
    if family.startswith(("google", "big_vision")):
        path = folder / "weights.npz"
        np.savez(path, **arrays)
    else:
        path = folder / "weights.safetensors"
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


def told(family):
    heads = {} if family.startswith(("google", "big_vision")) else dict(num_heads=2)
    return {**heads, **TOLD.get(family, {})}


def plain(model):
    """Returns what answers as the library's model does: of a detector, before it decides."""
    if isinstance(model.output, dict):
        return keras.Model(model.input, model.get_layer("norm_answers").output)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_gives_the_model_that_made_it(tmp_path, family):
    images, outputs, arrays = read(family)
    model = load(write(tmp_path, family, arrays), **told(family))
    np.testing.assert_allclose(plain(model)(images), outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(each, marks=[] if each in ("timm_vit", "google_vit") else pytest.mark.slow)
        for each in FAMILIES
    ],
)
def test_every_array_counts(tmp_path, family):
    """Any one of them, changed, changes the answer: nothing is ignored."""
    images, outputs, arrays = read(family)
    found = recognise(write(tmp_path, family, arrays), **told(family))
    model = load(found)
    weights = {weight.path: weight for weight in model.weights}
    answer = tf.function(plain(model))  # asked some thirty times
    changed = 0
    for path, entry in found.table.items():
        for name in entry.names:
            if name.endswith(BLIND):
                continue
            noise = np.random.default_rng(1).normal(size=found.arrays[name].shape)
            spoilt = [found.arrays[x] + (noise if x == name else 0) for x in entry.names]
            before = weights[path].numpy()
            weights[path].assign(entry.to_ours(*spoilt))
            assert np.abs(answer(images) - outputs).max() > 1e-4, name
            weights[path].assign(before)
            changed += 1
    assert changed >= 0.9 * len(found.arrays)


# What is taken for a model of another kind, for no name shows what it lacks.
OPTIONAL = {
    "big_vision_token": {"params/cls"},
    "hf_yolos": {"vit.encoder.mid_position_embeddings"},
}
PATCHES = "patch_embed.proj.weight"  # without a bias beside it, nothing tells a timm model
PREFIXES = r"^(deit\.|vit\.|dinov2\.|dinov2_with_registers\.|params/)?(.*encoderblock/)?"
TOKENS = ("cls", "_token")  # without one the positions are too many, or not known
OPTIONAL_ENDINGS = ("mask_token", "reg_token", "register_tokens", "params/pos_embedding")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_missing_array_is_refused(tmp_path, family):
    arrays, unnamed = read(family)[2], []
    for name in arrays:
        if name in OPTIONAL.get(family, ()) or name.endswith(OPTIONAL_ENDINGS):
            continue
        rest = {other: array for other, array in arrays.items() if other != name}
        with pytest.raises(ValueError) as error:
            recognise(write(tmp_path, family, rest), **told(family))
            pytest.fail(f"{name} is missing and nothing says so")
        # Without what stands before all names, and of blocks that are one array.
        tail = re.sub(PREFIXES, "", name)
        unknown = "positions fill no grid" if name.endswith(TOKENS) else "is no Vision Transformer"
        is_known = tail in str(error.value)
        if not is_known and not (name.endswith((*TOKENS, PATCHES)) and unknown in str(error.value)):
            unnamed.append((name, str(error.value)[-150:]))
    assert not unnamed


@pytest.mark.parametrize(
    "family",
    [pytest.param(each, marks=[] if each == "timm_vit" else pytest.mark.slow) for each in FAMILIES],
)
def test_a_misshapen_array_is_refused_by_name(tmp_path, monkeypatch, family):
    monkeypatch.setattr(Architecture, "build", functools.cache(Architecture.build))
    arrays = read(family)[2]
    for place, name in enumerate(list(arrays)[::5]):
        shape = ((), (1, 2, 3), (0, *arrays[name].shape[1:]))[place % 3]
        odd = {**arrays, name: np.zeros(shape, "float32")}
        with pytest.raises(ValueError) as error:
            load(write(tmp_path, family, odd), **told(family))
        tail = re.sub(PREFIXES, "", name)
        named = (tail, "positions fill no grid")
        assert any(each in str(error.value) for each in named), (name, error.value)
