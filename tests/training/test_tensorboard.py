import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_vit.tasks.confusion import confusion_figure
from keras_vit.training import log_figure, log_gallery, log_hyperparameters


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0})
    return events.Reload()


def picture(folder, tag):
    (event,) = read(folder / "pictures").Tensors(tag)
    width, height, png = event.tensor_proto.string_val
    image = Image.open(io.BytesIO(png))
    assert image.size == (int(width), int(height))
    return np.asarray(image)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gallery_shows_each_image(tmp_path, channels):
    images = np.zeros((16, 8, 8, channels), "uint8")
    dark = picture_of(tmp_path / "dark", images)
    images[5] = 255
    light = picture_of(tmp_path / "light", images)
    changed = np.argwhere((dark != light).any(-1))
    extent = changed.max(0) - changed.min(0)
    assert (extent == 199).all()  # 200 pixels for each image, 25 for each of its own


def picture_of(folder, images):
    log_gallery(folder, images, ["nought"] * len(images))
    return picture(folder, "training images")


def test_the_confusion_matrix_is_a_picture_with_a_cell_per_pair(tmp_path):
    labels = np.repeat([0, 1, 2], 10)
    log_figure(tmp_path / "right", "confusion matrix", confusion_figure(labels, labels, "abc"))
    wrong = confusion_figure(labels, (labels + 1) % 3, "abc")
    log_figure(tmp_path / "wrong", "confusion matrix", wrong)
    right, wrong = (picture(tmp_path / name, "confusion matrix") for name in ("right", "wrong"))
    assert right.shape == wrong.shape and (right != wrong).any()


def test_the_confusion_matrix_of_many_classes_is_a_picture_of_bearable_size(tmp_path):
    labels = np.arange(500)
    figure = confusion_figure(labels, labels[::-1], [f"class {i}" for i in labels])
    log_figure(tmp_path, "confusion matrix", figure)
    assert max(picture(tmp_path, "confusion matrix").shape) <= 1000


def test_hyperparameters_and_figures_are_one_row_of_the_table(tmp_path):
    log_hyperparameters(
        tmp_path, {"epochs": 3, "device": "auto", "data_dir": None}, {"test_accuracy": 0.75}
    )
    events = read(tmp_path / "hparams")
    (accuracy,) = events.Tensors("test_accuracy")
    assert tf.make_ndarray(accuracy.tensor_proto) == 0.75
    start = events.SummaryMetadata("_hparams_/session_start_info")
    assert b"epochs" in start.plugin_data.content and b"auto" in start.plugin_data.content
    assert b"None" in start.plugin_data.content
