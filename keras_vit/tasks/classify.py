"""Image classification: a pooled head of logits."""

import keras

from keras_vit.errors import UserError
from keras_vit.layers import TokenPool
from keras_vit.tasks.pooled import pooled
from keras_vit.tasks.remember import Remembers


@keras.saving.register_keras_serializable("keras_vit")
class ClassHead(Remembers, keras.layers.Dense):
    """Maps pooled features `(B, D)` to logits `(B, K)`; stores class names and preprocessing.

    Args:
        units: Number of classes `K`.
        class_names: `K` names in the order of the labels, saved with the model.
        preprocessing: What evaluation does to a picture before the model sees it, saved with the
            model: a `keras_vit.images.preprocessing.Preprocessing`, its `to_json()`, or `None`
            where it is not known.
        **kwargs: Further arguments of `keras.layers.Dense`.

    Raises:
        ValueError: If `class_names` is no list of texts, or a dictionary is no `to_json()` of a
            `Preprocessing`.
    """

    def __init__(self, units, *, class_names=None, preprocessing=None, **kwargs):
        super().__init__(units, **kwargs)
        self.name_classes(class_names)
        self.remember(preprocessing)


def classifier(
    backbone,
    num_classes,
    *,
    pool=None,
    pre_logits=None,
    distillation_head=False,
    class_names=None,
):
    """Extends a backbone to a classifier from images `(B, H, W, C)` to logits `(B, K)`.

    The result is one flat model: the layers of the backbone, whose weights it shares, then `pool`
    and `head`.

    Args:
        backbone: A model that `keras_vit.models.vit` built.
        num_classes: Number of classes `K`.
        pool: How tokens are pooled: `"class_token"`, `"mean"`, `"class_token_and_mean"` or
            `"attention"`, as `keras_vit.tasks.features` takes it.
        pre_logits: Units of a dense layer `pre_logits` with tanh before the head, or `None`; ViT's
            pre-training has one (arXiv:2010.11929, section 3.1).
        distillation_head: Whether a second head, `distillation_head`, reads the distillation token
            and the logits are the mean of both, as DeiT's are outside of training
            (arXiv:2012.12877, section 4).
        class_names: `K` names in the order of the labels; the model and its exports hold them.

    Returns:
        A `keras.Model` named `"classifier"`.

    Raises:
        ValueError: If `pool` is unknown, the backbone lacks a token that `pool` or
            `distillation_head` needs, there is no class, or the number of names is not
            `num_classes`.
    """
    if num_classes < 1:
        raise UserError(f"`num_classes` must be at least 1: received {num_classes}.")
    if class_names is not None and len(class_names) != num_classes:
        raise UserError(
            "`class_names` must hold one name per class: "
            f"received {len(class_names)} names for {num_classes} classes."
        )
    if distillation_head and not backbone.get_layer("embed").distillation_token:
        raise UserError("distillation_head=True needs a backbone with distillation_token=True.")
    names = None if class_names is None else list(class_names)
    x = pooled(backbone, pool)
    if pre_logits:
        x = keras.layers.Dense(pre_logits, activation="tanh", name="pre_logits")(x)
    heads = [_head(num_classes, class_names=names, name="head")(x)]
    if distillation_head:
        x = TokenPool(1, name="distillation_pool")(backbone.output)
        heads.append(_head(num_classes, class_names=names, name="distillation_head")(x))
    return keras.Model(backbone.input, average_of_heads(heads), name="classifier")


def average_of_heads(heads):
    """Averages the logits `(B, K)` of one or two heads, symbolic tensors, in a layer `mean_logits`.

    Args:
        heads: A list of the logits.

    Returns:
        The mean, or the logits of the only head.
    """
    if len(heads) == 1:
        return heads[0]
    return keras.layers.Average(dtype="float32", name="mean_logits")(heads)


def _head(units, **kwargs):
    # float32 whatever the policy: a softmax over many classes needs more than 8 or 11 bits.
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    return ClassHead(units, kernel_initializer=initializer, dtype="float32", **kwargs)
