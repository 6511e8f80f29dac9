"""Pictures of what a model gets wrong while it trains."""

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_vit.evaluation import mistakes_figure
from keras_vit.evaluation.worst import Worst
from keras_vit.models import vit
from keras_vit.run.watch import WatchMistakes
from keras_vit.tasks import classification, classifier
from keras_vit.tasks.segmentation import segmentation


def steps_of(folder):
    """Steps of each picture by its name."""
    events = EventAccumulator(str(folder / "pictures")).Reload()
    # Files of one second are read in any order.
    return {tag: sorted(x.step for x in events.Tensors(tag)) for tag in events.Tags()["tensors"]}


def test_the_worst_answers_are_drawn_every_few_epochs_but_not_at_the_end(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype("uint8")
    truth = np.arange(12) % 3
    watch = WatchMistakes(
        classification(("red", "green", "blue")),
        tf.data.Dataset.from_tensor_slices((images, truth)).batch(8),
        tmp_path,
        every=2,
        steps_per_epoch=10,
    )
    watch.set_model(classifier(vit("mu/4", image_size=8), 3))
    watch.set_params({"epochs": 6})
    watch.on_train_begin()
    monkeypatch.setattr("keras_vit.run.watch.SHARE", np.inf)
    for epoch in range(6):
        watch.on_epoch_end(epoch)
    expected = {"validation/confusion": [20, 40], "validation/worst answers": [20, 40]}
    assert steps_of(tmp_path) == expected
    monkeypatch.setattr("keras_vit.run.watch.SHARE", 0.0)
    watch.on_epoch_end(1)  # waits: pictures took long enough already
    assert steps_of(tmp_path) == expected


def mistakes(task, images, truth, answers):
    worst = Worst(task)
    worst(images, truth, answers)
    return [axes.get_title() for axes in mistakes_figure(task, worst.examples).axes]


def test_mistakes_say_what_is_true_and_what_was_answered():
    answers = {"probabilities": np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], "float32")}
    images, truth = np.zeros((3, 8, 8, 1), "uint8"), np.array([0, 0, 1])
    titles = mistakes(classification(("red", "green")), images, truth, answers)
    assert titles == ["is red\nanswer: green 0.9"]


def test_mistakes_of_masks_are_drawn_beside_the_truth():
    images, truth = np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 8, 8), int)
    answers = {"mask": np.zeros((2, 8, 8), int)}
    answers["mask"][1, :4] = 1
    titles = mistakes(segmentation(("sky", "road")), images, truth, answers)
    assert titles == ["0.5", "truth", "answer", "1", "truth", "answer"]
