"""Writes the golden files of Google's two layouts, computed by a NumPy forward of its own.

    python tests/golden/make_google.py

The forward follows vision_transformer's `models_vit.py` and big_vision's `models/vit.py`, kernels
and axes as Flax has them, and shares no code with keras_vit.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIZE, PATCH, WIDTH, DEPTH, HEADS, HIDDEN, CLASSES = 16, 8, 16, 2, 2, 32, 5


def norm(params, name, x):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-6) * params[f"{name}/scale"] + params[f"{name}/bias"]


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def attention(params, name, queries, tokens):
    q, k, v = (
        np.einsum("btd,dhe->bthe", x, params[f"{name}/{part}/kernel"])
        + params[f"{name}/{part}/bias"]
        for x, part in ((queries, "query"), (tokens, "key"), (tokens, "value"))
    )
    scores = np.einsum("bqhe,bkhe->bhqk", q / np.sqrt(q.shape[-1]), k)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    mixed = np.einsum("bhqk,bkhe->bqhe", scores, v)
    return (
        np.einsum("bqhe,hed->bqd", mixed, params[f"{name}/out/kernel"]) + params[f"{name}/out/bias"]
    )


def dense(params, name, x):
    return x @ params[f"{name}/kernel"] + params[f"{name}/bias"]


def mlp(params, name, x):
    return dense(params, f"{name}/Dense_1", gelu(dense(params, f"{name}/Dense_0", x)))


def forward(params, images, *, big_vision, pool):
    x = images.astype("float64") / 255 * 2 - 1
    rows = SIZE // PATCH
    x = x.reshape(len(x), rows, PATCH, rows, PATCH, 3)
    x = np.einsum("bhpwqc,pqcd->bhwd", x, params["embedding/kernel"]).reshape(len(x), -1, WIDTH)
    x = x + params["embedding/bias"]
    if big_vision:
        x = x + params["pos_embedding"]
    if pool == "class_token":
        x = np.concatenate([np.repeat(params["cls"], len(x), 0), x], 1)
    if not big_vision:
        x = x + params["Transformer/posembed_input/pos_embedding"]
    second, attended, hidden = (1, 0, 0) if big_vision else (2, 1, 3)
    for index in range(DEPTH):
        name = f"Transformer/encoderblock_{index}"
        y = norm(params, f"{name}/LayerNorm_0", x)
        x = x + attention(params, f"{name}/MultiHeadDotProductAttention_{attended}", y, y)
        x = x + mlp(
            params, f"{name}/MlpBlock_{hidden}", norm(params, f"{name}/LayerNorm_{second}", x)
        )
    x = norm(params, "Transformer/encoder_norm", x)
    if pool == "attention":
        probe = np.repeat(params["MAPHead_0/probe"], len(x), 0)
        x = attention(params, "MAPHead_0/MultiHeadDotProductAttention_0", probe, x)
        x = (x + mlp(params, "MAPHead_0/MlpBlock_0", norm(params, "MAPHead_0/LayerNorm_0", x)))[
            :, 0
        ]
    else:
        x = x[:, 0] if pool == "class_token" else x.mean(1)
    if "pre_logits/kernel" in params:
        x = np.tanh(dense(params, "pre_logits", x))
    return dense(params, "head", x) if "head/kernel" in params else x


def random_params(*, big_vision, pool, pre_logits, head):
    second, attended, hidden = (1, 0, 0) if big_vision else (2, 1, 3)
    each = WIDTH // HEADS
    shapes = {"embedding/kernel": (PATCH, PATCH, 3, WIDTH), "embedding/bias": (WIDTH,)}
    count = (SIZE // PATCH) ** 2 + (pool == "class_token" and not big_vision)
    positions = "pos_embedding" if big_vision else "Transformer/posembed_input/pos_embedding"
    shapes[positions] = (1, count, WIDTH)
    if pool == "class_token":
        shapes["cls"] = (1, 1, WIDTH)

    def add_norm(name):
        shapes.update({f"{name}/scale": (WIDTH,), f"{name}/bias": (WIDTH,)})

    def add_dense(name, *shape):
        shapes.update({f"{name}/kernel": shape, f"{name}/bias": shape[-1:]})

    def add_attention(name):
        for part in ("query", "key", "value"):
            shapes.update(
                {
                    f"{name}/{part}/kernel": (WIDTH, HEADS, each),
                    f"{name}/{part}/bias": (HEADS, each),
                }
            )
        shapes.update({f"{name}/out/kernel": (HEADS, each, WIDTH), f"{name}/out/bias": (WIDTH,)})

    def add_mlp(name):
        add_dense(f"{name}/Dense_0", WIDTH, HIDDEN)
        add_dense(f"{name}/Dense_1", HIDDEN, WIDTH)

    for index in range(DEPTH):
        name = f"Transformer/encoderblock_{index}"
        add_norm(f"{name}/LayerNorm_0")
        add_norm(f"{name}/LayerNorm_{second}")
        add_attention(f"{name}/MultiHeadDotProductAttention_{attended}")
        add_mlp(f"{name}/MlpBlock_{hidden}")
    add_norm("Transformer/encoder_norm")
    if pool == "attention":
        shapes["MAPHead_0/probe"] = (1, 1, WIDTH)
        add_attention("MAPHead_0/MultiHeadDotProductAttention_0")
        add_norm("MAPHead_0/LayerNorm_0")
        add_mlp("MAPHead_0/MlpBlock_0")
    if pre_logits:
        add_dense("pre_logits", WIDTH, WIDTH)
    if head:
        add_dense("head", WIDTH, CLASSES)
    rng = np.random.default_rng(0)
    draws = {
        name: 0.2 * rng.normal(size=shape) + name.endswith("scale")
        for name, shape in shapes.items()
    }
    return {name: draw.astype("float16").astype("float64") for name, draw in draws.items()}


def stack(params):
    """Stacks the blocks, as big_vision's `scan=True` does."""
    first = "Transformer/encoderblock_0/"
    names = [name.removeprefix(first) for name in params if name.startswith(first)]
    stacked = {name: value for name, value in params.items() if "/encoderblock_" not in name}
    for name in names:
        blocks = [params[f"Transformer/encoderblock_{index}/{name}"] for index in range(DEPTH)]
        stacked[f"Transformer/encoderblock/{name}"] = np.stack(blocks)
    return stacked


MODELS = {
    "google_vit": dict(big_vision=False, pool="class_token", pre_logits=False, head=True),
    "google_vit_in21k": dict(big_vision=False, pool="class_token", pre_logits=True, head=True),
    "google_vit_gap": dict(big_vision=False, pool="mean", pre_logits=False, head=True),
    "big_vision_gap": dict(big_vision=True, pool="mean", pre_logits=True, head=True),
    "big_vision_map": dict(big_vision=True, pool="attention", pre_logits=False, head=False),
    "big_vision_token": dict(big_vision=True, pool="class_token", pre_logits=False, head=True),
    "big_vision_stacked": dict(big_vision=True, pool="mean", pre_logits=False, head=True),
}


def main():
    """Writes all files."""
    images = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3)).astype("uint8")
    for name, kind in MODELS.items():
        params = random_params(**kind)
        outputs = forward(params, images, big_vision=kind["big_vision"], pool=kind["pool"])
        params = stack(params) if name == "big_vision_stacked" else params
        prefix = "params/" if kind["big_vision"] else ""
        arrays = {
            f"weights/{prefix}{key}": value.astype("float16") for key, value in params.items()
        }
        np.savez_compressed(
            HERE / f"{name}.npz", images=images, outputs=outputs.astype("float32"), **arrays
        )


if __name__ == "__main__":
    main()
