"""Image classification: a pooled head of logits."""

import dataclasses

import keras

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.keras_private import all_layers
from keras_vit.layers import TokenPool
from keras_vit.tasks.features import pooled


@keras.saving.register_keras_serializable("keras_vit")
class ClassHead(keras.layers.Dense):
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
        if class_names is not None and not (
            isinstance(class_names, list | tuple) and all(isinstance(x, str) for x in class_names)
        ):
            raise UserError(f"`class_names` must be texts: received {str(class_names)[:50]}.")
        self.class_names = class_names
        self.remember(preprocessing)

    def remember(self, preprocessing):
        """Stores `preprocessing`, except the size of the images, which the model's input has.

        Args:
            preprocessing: As the constructor takes it.

        Raises:
            ValueError: If a dictionary is no `to_json()` of a `Preprocessing`.
        """
        if preprocessing is not None and not isinstance(preprocessing, Preprocessing):
            preprocessing = Preprocessing.from_json(preprocessing)
        if preprocessing is not None:
            preprocessing = dataclasses.replace(preprocessing, image_size=None)
        self.preprocessing = preprocessing

    def get_config(self):
        preprocessing = self.preprocessing and self.preprocessing.to_json()
        remembered = {"class_names": self.class_names, "preprocessing": preprocessing}
        return {**super().get_config(), **remembered}


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
    logits = _head(num_classes, class_names=names, name="head")(x)
    if distillation_head:
        x = TokenPool(1, name="distillation_pool")(backbone.output)
        distilled = _head(num_classes, class_names=names, name="distillation_head")(x)
        logits = keras.layers.Average(dtype="float32", name="mean_logits")([logits, distilled])
    return keras.Model(backbone.input, logits, name="classifier")


def class_names_of(model):
    """Returns the names of a classifier's classes.

    Args:
        model: A `keras.Model` with a name for each layer.

    Returns:
        A list of `K` names in the order of the labels, or `None` where the model has none.
    """
    return getattr(head_of(model), "class_names", None)


def preprocessing_of(model):
    """Returns the preprocessing that a classifier stores.

    Args:
        model: A classifier.

    Returns:
        A `Preprocessing` for images of the model's size; the whole picture, if the model stores
        none.
    """
    remembered = getattr(head_of(model), "preprocessing", None) or Preprocessing()
    return dataclasses.replace(remembered, image_size=model.input_shape[1:3])


def head_of(model):
    """Finds the head of a classifier, which may be inside a nested model.

    Args:
        model: A `keras.Model` with one output `(B, K)`.

    Returns:
        Its `ClassHead`, the first of those of a distilled model; `None` where no head has `K`
        classes.
    """
    heads = (each for each in all_layers(model) if isinstance(each, ClassHead))
    return next((each for each in heads if each.units == model.output_shape[-1]), None)


def _head(units, **kwargs):
    # float32 whatever the policy: a softmax over many classes needs more than 8 or 11 bits.
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    return ClassHead(units, kernel_initializer=initializer, dtype="float32", **kwargs)
