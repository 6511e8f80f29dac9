import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.labels import explain_labels
from keras_vit.data.relabel import relabelled


def test_classes_become_those_of_a_model_and_void_stays():
    sample = {
        "image": np.zeros((2, 1, 1, 3), "uint8"),
        "label": np.array([0, 2]),
        "mask": np.array([[[0, 1, 2, 255]]] * 2, "uint8"),
        "box_labels": np.array([[1, -1, -3, -6]] * 2),
    }
    changed = relabelled(sample, [5, 0, 1])
    assert changed["label"].numpy().tolist() == [5, 1]
    assert changed["mask"].dtype == tf.uint8
    assert changed["mask"][0, 0].numpy().tolist() == [5, 0, 1, 255]
    assert changed["box_labels"][0].numpy().tolist() == [0, -1, -2, -6]  # ignored ones stay so
    assert changed["image"] is sample["image"]


def test_a_label_that_is_no_class_is_one_sentence():
    with pytest.raises(ValueError, match=r"Labels must lie in \[0, 2\): received 2"):
        with explain_labels():
            relabelled({"label": np.array([0, 2])}, [1, 0])
