"""Where the features of a model are found."""

import keras
import pytest

from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.tasks.pooled import pooled_of


@pytest.mark.parametrize("pool", ["class_token", "mean", "class_token_and_mean", "attention"])
def test_features_stand_before_the_head(pool):
    model = classifier(vit("mu/4", image_size=8), 3, pool=pool)
    width = model.get_layer("embed").width * (1 + (pool == "class_token_and_mean"))
    assert pooled_of(model).shape == (None, width)


def test_somebody_elses_pool_gives_none():
    images = keras.Input((8, 8, 3))
    maps = keras.layers.MaxPooling2D(name="pool")(images)
    assert pooled_of(keras.Model(images, maps)) is None
    assert pooled_of(vit("mu/4", image_size=8)) is None
