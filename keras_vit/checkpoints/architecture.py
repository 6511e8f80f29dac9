"""What a checkpoint or a model is: backbone, head and the scale of its pixels."""

import dataclasses

import keras
import numpy as np

from keras_vit.errors import UserError
from keras_vit.keras_private import origin
from keras_vit.layers import (
    AttentionPool,
    ClassTokenAndMeanPool,
    LayerScale,
    MeanPool,
    PatchDropout,
    SequencePool,
)
from keras_vit.models import STEMS, ViTConfig, vit
from keras_vit.tasks import classifier, features, to_probabilities
from keras_vit.tasks.probabilities import PASSING, before_softmax
from keras_vit.tasks.token_detect import answering_with_boxes, token_detector

POOLS = {
    MeanPool: "mean",
    ClassTokenAndMeanPool: "class_token_and_mean",
    AttentionPool: "attention",
    SequencePool: "sequence",
}
TRAINING_ONLY = (*PASSING, PatchDropout)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that rebuilds a model of ours, except its weights.

    Attributes:
        config: The backbone's `ViTConfig`.
        pool: How tokens are pooled, as `keras_vit.tasks.features` takes it; `None` for a backbone
            that returns tokens.
        num_classes: Number of classes, 0 for a model that returns features.
        pre_logits: Units of a dense layer before the head, or `None`.
        distillation_head: Whether a second head reads the distillation token.
        detector: Whether the head finds boxes of these classes: see
            `keras_vit.tasks.token_detector`. Nothing is pooled then.
        mean: Mean of the pixels on the scale 0 to 1, one number or one per channel.
        std: Standard deviation of the pixels on that scale, one number or one per channel.
    """

    config: ViTConfig
    pool: str | None
    num_classes: int = 0
    pre_logits: int | None = None
    distillation_head: bool = False
    detector: bool = False
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.5

    def build(self, *, class_names=None, **rates):
        """Builds the model of this architecture, with new weights.

        Args:
            class_names: One name per class in the order of the labels, or `None`.
            **rates: Dropout rates, as `keras_vit.models.vit` takes them.

        Returns:
            A `keras.Model` from images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`, to features
            `(B, D)` where there are no classes, or to tokens `(B, T, D)` where nothing is pooled;
            of a detector the model that is deployed, from images to `boxes`, `scores` and
            `classes`.

        Raises:
            ValueError: If there are names and no classes, or not one name per class; or if
                `keras_vit.models.vit` or `keras_vit.tasks` refuses a value.
        """
        if class_names is not None and not self.num_classes:
            raise UserError(
                f"A model without a head has no classes: received {len(class_names)} names."
            )
        backbone = vit(self.config, mean=self.mean, std=self.std, **rates)
        if self.detector:
            return answering_with_boxes(token_detector(backbone, self.num_classes), class_names)
        if self.num_classes:
            return classifier(
                backbone,
                self.num_classes,
                pool=self.pool,
                pre_logits=self.pre_logits,
                distillation_head=self.distillation_head,
                class_names=class_names,
            )
        return features(backbone, pool=self.pool) if self.pool else backbone


def architecture_of(model):
    """Reads the architecture off a model that `vit`, `features` or `classifier` built.

    Args:
        model: A `keras.Model`.

    Returns:
        An `Architecture`.

    Raises:
        ValueError: If another function built the model; if it has further weights, for example
            those of `add_lora`, which `keras_vit.training.copy_merged` merges; or if it computes
            anything else, such as logits that a temperature divides.
    """
    layers = {layer.name: layer for layer in model.layers}
    blocks = [layer for name, layer in layers.items() if name.startswith("block")]
    if not blocks or not {"images", "pixels", "patches", "embed"} <= layers.keys():
        raise UserError(f"The model {model.name!r} is no Vision Transformer of keras_vit.")
    embed, block, pool = layers["embed"], blocks[0], layers.get("pool")
    _, height, width, channels = layers["images"].batch_shape
    std = 1 / (255 * np.asarray(layers["pixels"].scale))
    mean = -np.asarray(layers["pixels"].offset) * std
    has_scale = isinstance(block.scale1, LayerScale)
    config = ViTConfig(
        image_size=(height, width),
        patch_size=layers["patches"].patch_size,
        **_stem_of(layers["patches"]),
        channels=channels,
        width=embed.width,
        depth=len(blocks),
        mlp_dim=block.mlp_dim,
        num_heads=block.num_heads,
        class_token=embed.class_token,
        distillation_token=embed.distillation_token,
        num_registers=embed.num_registers,
        position=embed.position,
        prefix_positions=embed.prefix_positions,
        mid_positions="positions00" in layers,
        patch_bias=not embed.projection or embed.projection.use_bias,
        pre_norm="pre_norm" in layers,
        final_norm="norm" in layers,
        activation=block.activation,
        norm_epsilon=block.norm_epsilon,
        qkv_bias=block.attention.qkv_bias,
        qk_norm=block.attention.qk_norm,
        layer_scale=block.scale1.initial_value if has_scale else None,
        locality=block.attention.locality,
        **_windows_of(blocks),
    )
    architecture = Architecture(
        config=config,
        pool=None if pool is None else POOLS.get(type(pool), "class_token"),
        num_classes=layers["head"].units if "head" in layers else 0,
        pre_logits=layers["pre_logits"].units if "pre_logits" in layers else None,
        distillation_head="distillation_head" in layers,
        mean=_one_or_all(mean),
        std=_one_or_all(std),
    )
    _check_same(model, architecture.build())
    if architecture.num_classes:
        to_probabilities(model)  # raises if the head has another activation
    return architecture


def _stem_of(patches):
    """Returns the fields of `ViTConfig` that say how images become patches."""
    stem = next(name for name, kind in STEMS.items() if type(patches) is kind)
    if stem != "resnet":
        return dict(stem=stem)
    return dict(stem=stem, stem_blocks=patches.blocks, stem_epsilons=patches.epsilons)


def _windows_of(blocks):
    """Returns the fields of `ViTConfig` that say within which windows blocks attend."""
    within = [block for block in blocks if block.windows]
    if not within:
        return {}
    shifted = within[0].attention.relative is not None
    count = None if shifted else len(blocks) - len(within)
    return dict(window=within[0].windows["window"], global_blocks=count)


def _check_same(model, rebuilt):
    """Raises a `ValueError` unless a model has the weights and the operations of the rebuilt one.

    A softmax may follow, and layers that only act in training may stand anywhere.
    """
    own, expected = ({weight.path for weight in each.weights} for each in (model, rebuilt))
    if other := sorted(own ^ expected):
        raise UserError(
            f"The model has {len(other)} weights that are not known: {', '.join(other[:5])}."
        )
    if not isinstance(model.output, keras.KerasTensor):
        raise UserError(
            f"The model {model.name!r} is no Vision Transformer of keras_vit that can be loaded: "
            "it answers with several outputs, or with named ones."
        )
    if _operations(before_softmax(model.output)) != _operations(rebuilt.output):
        raise UserError(
            f"The model {model.name!r} is no Vision Transformer of keras_vit: it has the weights "
            "of one, and computes something else with them."
        )


def _operations(tensor):
    """Returns the name of the operation that computes a tensor, and the same of its inputs."""
    operation, inputs, _ = origin(tensor)
    inputs = [_operations(each) for each in inputs]
    return inputs[0] if isinstance(operation, TRAINING_ONLY) else (operation.name, inputs)


def _one_or_all(values):
    """Returns a number, or a tuple of one per channel."""
    return float(values) if values.ndim == 0 else tuple(map(float, values))
