"""Tiny classifiers whose every weight matters."""

import numpy as np

from keras_vit.models import vit
from keras_vit.tasks import classifier


def random_classifier(pool="class_token", **options):
    model = classifier(vit("mu/4", **{"image_size": 8, **options}), 3, pool=pool)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return model
