"""Figures of the task between epochs, that choose the best one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.models import vit
from keras_vit.run.kept import best_of
from keras_vit.run.watch import WatchScore
from keras_vit.tasks import classification, detection, segmentation, super_resolution
from keras_vit.tasks.classify import classifier

NAMES = ("red", "green", "blue")


def test_only_a_figure_that_no_metric_counts_needs_the_answers():
    tasks = (classification(NAMES), segmentation(NAMES), super_resolution(2))
    assert not any(task.is_watched_by_score for task in tasks)
    assert detection(NAMES).is_watched_by_score


def test_the_figures_are_those_of_the_weights_after_each_validated_epoch():
    task = classification(NAMES)
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype("uint8")
    truth = np.arange(9) % 3
    batches = tf.data.Dataset.from_tensor_slices((images, truth)).batch(4)
    model = classifier(vit("mu/4", image_size=8), 3)
    watch = WatchScore(task, batches)
    watch.set_model(model)
    watch.on_train_begin()
    seen = []
    for _ in range(2):
        logs = {"val_loss": 1.0}
        watch.on_epoch_end(0, logs)
        answers = keras.ops.softmax(model(images))
        figures = task.score([({"probabilities": np.asarray(answers)}, truth)]).figures
        expected = {f"val_{name}": figure for name, figure in figures.items()}
        assert logs == pytest.approx({"val_loss": 1.0} | expected, rel=1e-4)
        seen.append(logs)
        for weight in model.trainable_weights:
            weight.assign_add(keras.random.normal(weight.shape))
    assert seen[0] != seen[1]
    logs = {"loss": 1.0}
    watch.on_epoch_end(1, logs)  # not validated
    assert logs == {"loss": 1.0}


def test_the_best_epoch_of_a_detection_has_the_highest_map(tmp_path):
    class Config:
        run_dir, patience = tmp_path, 0

    best = best_of(Config, detection(NAMES))
    assert (best.metric, best.higher_is_better) == ("mAP", True)
