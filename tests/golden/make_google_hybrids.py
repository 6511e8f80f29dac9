"""Writes the golden files of Google's hybrids: tiny models of random weights, by its own code.

    pip install flax
    git clone https://github.com/google-research/vision_transformer
    PYTHONPATH=vision_transformer python tests/golden/make_google_hybrids.py

Arrays have the names of the published `.npz` files, in which Flax numbered layers of all kinds in
one row.
"""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
from flax import traverse_util
from vit_jax import models_vit

HERE = Path(__file__).parent
SIZE, WIDTH, DEPTH, HEADS, HIDDEN, CLASSES = 32, 16, 2, 2, 32, 5
# Modules of a block have other numbers in the published files.
NAMES = {
    "LayerNorm_1": "LayerNorm_2",
    "MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1",
    "MlpBlock_0": "MlpBlock_3",
}
# By family: units of each stage of its residual network, and the patch that is cut from its maps.
MODELS = {"google_hybrid": ((2, 1), 2), "google_hybrid_root": ((), 4)}


def random_like(name, array, rng):
    if name.startswith(("conv_root/", "block")) and name.endswith("/kernel"):
        # Few values compress well; filters of two sizes let epsilons be seen.
        return 0.002 * rng.integers(0, 2, array.shape) * 10 ** rng.integers(0, 2, array.shape[-1])
    return 0.2 * rng.normal(size=array.shape) + name.endswith("scale")


def published(name):
    return "/".join(NAMES.get(part, part) for part in name.split("/"))


def main():
    """Writes all files."""
    images = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3)).astype("uint8")
    for name, (units, patch) in MODELS.items():
        model = models_vit.VisionTransformer(
            num_classes=CLASSES,
            patches=SimpleNamespace(size=(patch, patch)),
            transformer=dict(mlp_dim=HIDDEN, num_heads=HEADS, num_layers=DEPTH, dropout_rate=0.0),
            hidden_size=WIDTH,
            resnet=SimpleNamespace(num_layers=units, width_factor=1),
        )
        pixels = (images / np.float32(255) * 2 - 1).astype("float32")
        params = model.init(jax.random.key(0), pixels, train=False)["params"]
        flat = traverse_util.flatten_dict(params, sep="/")
        rng = np.random.default_rng(0)
        flat = {key: random_like(key, each, rng).astype("float16") for key, each in flat.items()}
        exact = {key: each.astype("float32") for key, each in flat.items()}
        params = traverse_util.unflatten_dict(exact, sep="/")
        outputs = model.apply({"params": params}, pixels, train=False)
        arrays = {f"weights/{published(key)}": each for key, each in flat.items()}
        np.savez_compressed(
            HERE / f"{name}.npz", images=images, outputs=np.asarray(outputs), **arrays
        )


if __name__ == "__main__":
    main()
