"""Tiny classifiers whose every weight matters, and whose answers depend on the image."""

import keras
import numpy as np

from keras_vit.models import vit
from keras_vit.tasks import classifier


def random_classifier(
    pool="class_token", *, num_classes=3, pre_logits=None, distillation_head=False, **options
):
    backbone = vit("mu/4", **{"image_size": 8, **options})
    model = classifier(
        backbone,
        num_classes,
        pool=pool,
        pre_logits=pre_logits,
        distillation_head=distillation_head,
    )
    return randomised(model)


def randomised(model):
    """Adds a normal number of deviation 0.1 to every weight of a model."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        array = keras.ops.convert_to_numpy(weight).astype("float32")
        weight.assign(array + 0.1 * rng.normal(size=weight.shape))
    return model


def spread(model, images, scale=1.0):
    """Rescales the heads so that each class's logit has mean 0 and this deviation over images.

    An answer that does not depend on the image is then far from the model's.
    """
    for head in [layer for layer in model.layers if layer.name.endswith("head")]:
        logits = keras.ops.convert_to_numpy(keras.Model(model.input, head.output)(images))
        factor = scale / logits.std(axis=0)
        bias = (keras.ops.convert_to_numpy(head.bias) - logits.mean(axis=0)) * factor
        head.kernel.assign(keras.ops.convert_to_numpy(head.kernel) * factor)
        head.bias.assign(bias)
    return model
