"""Image classification: a pooled head of logits."""

import keras

from keras_vit.layers import AttentionPool, ClassTokenPool, MeanPool


@keras.saving.register_keras_serializable("keras_vit")
class ClassHead(keras.layers.Dense):
    """Maps pooled features `(B, D)` to logits `(B, K)` and remembers what the classes are called.

    Args:
        units: Number of classes `K`.
        class_names: `K` names in the order of the labels, saved with the model.
    """

    def __init__(self, units, *, class_names=None, **kwargs):
        super().__init__(units, **kwargs)
        self.class_names = class_names

    def get_config(self):
        return {**super().get_config(), "class_names": self.class_names}


def classifier(backbone, num_classes, *, pool=None, class_names=None):
    """Extends a backbone to a classifier from images `(B, H, W, C)` to logits `(B, K)`.

    The result is one flat model, the layers `pool` and `head` behind those of the backbone, whose
    weights it shares.

    Args:
        backbone: A model that `keras_vit.models.vit` built.
        num_classes: Number of classes `K`.
        pool: `"class_token"`, `"mean"` over the patches, or `"attention"` (a MAP head); by default
            the class token where the backbone has one, else the mean.
        class_names: `K` names in the order of the labels; they are saved with the model and travel
            into what is exported from it.

    Returns:
        A `keras.Model` named `"classifier"`.

    Raises:
        ValueError: If `pool` is unknown or needs a class token that the backbone lacks, or the
            number of names is not `num_classes`.
    """
    if class_names is not None and len(class_names) != num_classes:
        raise ValueError(
            "`class_names` must hold one name per class: "
            f"received {len(class_names)} names for {num_classes} classes."
        )
    x = _pooling(backbone, pool)(backbone.output)
    # float32 whatever the policy: a softmax over many classes needs more than 8 or 11 bits.
    x = ClassHead(
        num_classes,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        class_names=None if class_names is None else list(class_names),
        dtype="float32",
        name="head",
    )(x)
    return keras.Model(backbone.input, x, name="classifier")


def _pooling(backbone, pool):
    embed, block = backbone.get_layer("embed"), backbone.get_layer("block00")
    if pool is None:
        pool = "class_token" if embed.class_token else "mean"
    if pool == "class_token":
        if not embed.class_token:
            raise ValueError("pool='class_token' needs a backbone with class_token=True.")
        return ClassTokenPool(name="pool")
    if pool == "mean":
        return MeanPool(embed.num_prefix_tokens, name="pool")
    if pool == "attention":
        return AttentionPool(block.num_heads, block.mlp_dim, name="pool")
    raise ValueError(f"`pool` must be 'class_token', 'mean' or 'attention': received {pool!r}.")
