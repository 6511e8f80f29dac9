"""Time of a training step: our block, Keras' two attentions, and KerasHub's ViT.

    python -m benchmarks.train_step

All models are the same, ViT d192 L6 h3 with patches of 4 at 32 pixels (65 tokens), except for the
attention. KerasHub takes part if it is installed (extra `[bench]`), with its own
backbone of this size. Data is random and in memory. In each round every model runs the same number
of steps. The table holds medians over the rounds; the ratio to ours is computed within each round.
"""

import dataclasses
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from benchmarks.machine import machine
from keras_vit.command_line import run_recipe
from keras_vit.layers import SelfAttention, TransformerBlock
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier

SHAPE = ViTConfig(image_size=32, patch_size=4, width=192, depth=6, mlp_dim=768, num_heads=3)


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    rounds: int = 5
    """Number of turns of each model."""
    steps: int = 3
    """Steps per turn."""
    batch_size: int = 64
    """Images per step."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


class KerasMultiHeadAttention(keras.layers.Layer):
    """`keras.layers.MultiHeadAttention` as self-attention."""

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.attention = keras.layers.MultiHeadAttention(num_heads, SHAPE.width // num_heads)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, x):
        return self.attention(x, x)


class DotProductAttention(SelfAttention):
    """Our fused projection in front of `keras.ops.dot_product_attention`."""

    def call(self, x):
        qkv = keras.ops.reshape(self.qkv(x), (-1, x.shape[1], 3, self.num_heads, self.head_dim))
        x = keras.ops.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        return self.out(keras.ops.reshape(x, (-1, x.shape[1], SHAPE.width)))


def with_attention(attention: Callable[..., keras.layers.Layer]):
    """Builds our classifier with another attention in every block.

    Args:
        attention: Makes the layer from the number of heads and a keyword `name`.

    Returns:
        A `keras.Model`.
    """

    class Block(TransformerBlock):
        def __init__(self, num_heads, mlp_dim, **kwargs):
            super().__init__(num_heads, mlp_dim, **kwargs)
            self.attention = attention(num_heads, name="attention")

    with mock.patch("keras_vit.models.vit.TransformerBlock", Block):
        return classifier(vit(SHAPE), 10)


def keras_hub_vit():
    """Returns a classifier, a `keras.Model`, on KerasHub's backbone of the same size."""
    import keras_hub

    backbone = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3),
        patch_size=SHAPE.patch_size,
        num_layers=SHAPE.depth,
        num_heads=SHAPE.num_heads,
        hidden_dim=SHAPE.width,
        mlp_dim=SHAPE.mlp_dim,
    )
    return keras.Model(backbone.input, keras.layers.Dense(10)(backbone.output[:, 0]))


def rivals():
    """Lists the models to compare, ours first.

    Returns:
        A dictionary by name of functions `Callable[[], keras.Model]` that build them.
    """
    builders = {
        "keras_vit": lambda: classifier(vit(SHAPE), 10),
        "MultiHeadAttention": lambda: with_attention(KerasMultiHeadAttention),
        "dot_product_attention": lambda: with_attention(DotProductAttention),
    }
    if importlib.util.find_spec("keras_hub"):
        builders["KerasHub ViTBackbone"] = keras_hub_vit
    return builders


def measure(model, data, steps):
    """Times the training steps of one turn.

    Args:
        model: A compiled `keras.Model`.
        data: Images and labels of a batch.
        steps: Number of steps.

    Returns:
        Milliseconds per step.
    """
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(*data)  # returns the loss, so it waits for the step
    return 1000 * (time.perf_counter() - start) / steps


def run(config):
    """Measures all models, then prints and writes the table; `config` is a `Config`."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (config.batch_size, 32, 32, 3)).astype("uint8")
    labels = rng.integers(0, 10, config.batch_size)
    data = tf.constant(images, tf.float32), tf.constant(labels)
    models, times = {}, {}
    for name, build in rivals().items():
        for xla in (False, True):
            model = build()
            model.compile(
                keras.optimizers.AdamW(1e-3),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=xla,
            )
            models[name, xla], times[name, xla] = model, []
    for model in track(list(models.values()), "Warming up"):
        measure(model, data, steps=1)
    for _ in track(range(config.rounds), "Measuring"):
        for key, model in models.items():
            times[key].append(measure(model, data, config.steps))

    first = next(iter(times))[0]
    lines = [
        f"{'attention':24}{'XLA':>6}{'parameters':>12}{'ms/step':>10}{'images/s':>10}{'ratio':>8}"
    ]
    for (name, xla), turns in times.items():
        median = statistics.median(turns)
        ratio = statistics.median(b / a for a, b in zip(turns, times[first, xla], strict=True))
        lines.append(
            f"{name:24}{'on' if xla else 'off':>6}{models[name, xla].count_params():12,}"
            f"{median:10.1f}{1000 * config.batch_size / median:10.0f}{ratio:8.2f}"
        )
    lines += [
        "",
        "ratio: speed relative to keras_vit with the same XLA setting, median over the rounds",
        "ViT d192 L6 h3, patches of 4 at 32 pixels (65 tokens)",
        f"{config.rounds} rounds of {config.steps} steps, batch {config.batch_size}, AdamW, "
        "float32, random data in memory",
        machine(),
        "python -m benchmarks.train_step",
    ]
    Console().print("\n".join(lines), highlight=False)
    Path(config.out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
