import numpy as np

from keras_vit.models import vit
from keras_vit.run.kept_head import kept_order, reorder
from keras_vit.tasks import classifier


def test_the_same_classes_in_any_order_keep_their_head():
    assert kept_order(["b", "a", "c"], ("a", "b", "c")) == [1, 0, 2]
    assert kept_order(["crane", "owl", "crane"], ("crane", "owl", "crane")) == [0, 1, 2]
    assert kept_order(["crane", "crane", "owl"], ("crane", "owl", "crane")) is None
    assert kept_order(["a", "b"], ("a", "b", "c")) is None
    assert kept_order(None, ("a",)) is None


def test_each_class_takes_its_numbers_along():
    model = classifier(vit("mu/4", image_size=8), 3, class_names=["b", "a", "c"])
    model.get_layer("head").bias.assign([1.0, 2.0, 3.0])
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), "uint8")
    before = model.predict_on_batch(images)
    reorder(model, [1, 0, 2])
    np.testing.assert_array_equal(model.predict_on_batch(images), before[:, [1, 0, 2]])
