"""Every architecture of timm that we claim, against timm itself.

    pip install -e ".[dev,parity]" && pytest -p timm -n 0 tests/checkpoints/test_parity.py

`-p timm` imports timm and torch before TensorFlow; the other way round the process dies.
"""

import functools
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_vit.checkpoints import export_timm, load, recognise
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

if "timm" not in sys.modules:
    pytest.skip("timm is not imported first: pytest -p timm", allow_module_level=True)
timm, torch = sys.modules["timm"], sys.modules["torch"]
hub = sys.modules["timm.models._hub"]

pytestmark = pytest.mark.slow

# What `vit_*` and `deit*` of timm hold beside what we claim: other attentions, blocks, embeddings.
# Names are what timm has them under, between underscores.
OTHERS = {
    "rpn": "norms behind the attention and the MLP",
    "relpos": "relative positions",
    "srelpos": "relative positions, shared",
    "rope": "rotary positions",
    "pe": "Perception Encoder: rotary positions",
    "dinov3": "rotary positions",
    "sapiens2": "rotary positions",
    "lingbot": "rotary positions",
    "radio": "several teachers' class tokens",
    "parallel": "blocks side by side",
    "18x2": "blocks side by side",
    "xp": "attention and MLP side by side",
    "dlittle": "another attention",
    "dwee": "differential attention",
    "pwee": "attention and MLP side by side",
    "dpwee": "both",
    "beitwide": "another MLP",
    "intern300m": "a norm of queries over all heads",
    "resnet26d": "a convolutional stem",
    "resnet50d": "a convolutional stem",
    "mci": "a convolutional stem",
    "map": "attention pooling that leaves registers out",
}
# What no array shows, and no `config.json` either: `load` must be told.
TOLD = {"vit_base_patch16_gap_224": dict(num_heads=16)}

ALL = timm.list_models(["vit_*", "deit*"])


def is_other(name):
    return not OTHERS.keys().isdisjoint(name.split("_"))


NAMES = [name for name in ALL if not is_other(name)]


def randomise(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight + 0.05 * torch.randn(weight.shape, generator=generator))


def answers(theirs, images, mean, std):
    x = (images / np.float32(255) - np.array(mean, "float32")) / np.array(std, "float32")
    with torch.no_grad():
        return theirs(torch.from_numpy(x.astype("float32")).permute(0, 3, 1, 2)).numpy()


def published(folder, name, **options):
    """A model of random weights as timm pushes it to a hub: the arrays and `config.json`."""
    theirs = timm.create_model(name, **options).eval()
    randomise(theirs)
    arrays = {key: value.numpy() for key, value in theirs.state_dict().items()}
    save_file(arrays, folder / "model.safetensors")
    hub.save_config_for_hf(theirs, folder / "config.json")
    return theirs


@pytest.mark.parametrize("name", NAMES)
def test_an_architecture_of_timm_is_ours(tmp_path, name):
    theirs = published(tmp_path, name, depth=1, num_classes=5)
    found = recognise(tmp_path, **TOLD.get(name, {}))
    ours = load(found)
    size = found.architecture.config.image_size
    images = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype("uint8")
    config = theirs.pretrained_cfg
    # What is more than whole patches, timm takes and does not see.
    more = [(0, new - old) for new, old in zip(theirs.patch_embed.img_size, size, strict=True)]
    padded = np.pad(images, [(0, 0), *more, (0, 0)])
    expected = answers(theirs, padded, config["mean"], config["std"])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours(images), expected, rtol=1e-4, atol=1e-5 * max(1, scale))


@pytest.mark.parametrize("name", [name for name in ALL if is_other(name)])
def test_what_is_not_claimed_is_refused(tmp_path, name):
    try:
        published(tmp_path, name, depth=1, num_classes=5)
    except (TypeError, IndexError, AssertionError, RuntimeError) as error:
        pytest.skip(f"timm does not build it one block deep: {error}")
    with pytest.raises(ValueError):
        load(recognise(tmp_path))


MODELS = {
    "plain": {},
    "registers": dict(num_registers=2, layer_scale=0.1),
    "deit3": dict(prefix_positions=False, layer_scale=0.1),
    "gap": dict(class_token=False, final_norm=False, qkv_bias=False),
    "sincos": dict(class_token=False, position="sincos_2d", qk_norm=True),
    "clip": dict(pre_norm=True, patch_bias=False, activation="quick_gelu", norm_epsilon=1e-5),
    "swiglu": dict(activation="swiglu", num_registers=1),
    "no bias": dict(patch_bias=False, image_size=(8, 16)),
    "distilled": dict(distillation_token=True),
    "hybrid": dict(image_size=32, patch_size=8, stem="resnet"),
    "R26": dict(image_size=32, patch_size=32, stem="resnet", stem_blocks=(2, 2, 2, 2)),
    "tanh": dict(activation="gelu_tanh", class_token=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_timm_loads_strictly_what_we_export(tmp_path, name):
    backbone = vit("mu/4", **{"image_size": 8, **MODELS[name]})
    head = functools.partial(classifier, num_classes=3, distillation_head=name == "distilled")
    ours = features(backbone, pool="attention") if name == "tanh" else head(backbone)
    for weight in ours.weights:
        weight.assign(weight + 0.1 * np.random.default_rng(0).normal(size=weight.shape))
    arguments = export_timm(ours, tmp_path / "ours.safetensors")
    theirs = timm.create_model(**arguments, checkpoint_path=str(tmp_path / "ours.safetensors"))
    size = ours.input_shape[1:]
    images = np.random.default_rng(0).integers(0, 256, (2, *size)).astype("uint8")
    expected = np.asarray(ours(images))
    np.testing.assert_allclose(answers(theirs.eval(), images, 0.5, 0.5), expected, atol=1e-5)
