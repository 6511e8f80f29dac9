"""Pictures of what a model answers while it trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from projector import opened
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_vit.evaluation import mistakes_figure
from keras_vit.evaluation.worst import Worst
from keras_vit.models import vit
from keras_vit.run.watch import WatchAnswers
from keras_vit.tasks import (
    Result,
    Task,
    answering,
    classification,
    classifier,
    features,
    segmenter,
)
from keras_vit.tasks.segmentation import segmentation


def steps_of(folder):
    """Steps of each picture by its name."""
    events = EventAccumulator(str(folder / "pictures")).Reload()
    # Files of one second are read in any order.
    return {tag: sorted(x.step for x in events.Tensors(tag)) for tag in events.Tags()["tensors"]}


IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype("uint8")
CLASSES = classification(("red", "green", "blue"))


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    monkeypatch.setattr("keras_vit.run.watch.SHARE", np.inf)


def watched(task, model, truth, log_dir, epochs=6, **how):
    """Runs a training that does nothing, of ten steps an epoch."""
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, truth)).batch(8)
    watch = WatchAnswers(task, batches, log_dir, steps_per_epoch=10, **how)
    watch.set_model(model)
    watch.set_params({"epochs": epochs})
    watch.on_train_begin()
    for epoch in range(epochs):
        watch.on_epoch_end(epoch)
    return watch


def small_classifier():
    return classifier(vit("mu/4", image_size=8), 3)


def test_answers_are_drawn_every_few_epochs_but_not_at_the_end(tmp_path, monkeypatch):
    watch = watched(CLASSES, small_classifier(), np.arange(12) % 3, tmp_path, every=2)
    names = ("attention", "confusion", "reliability", "worst answers")
    expected = {f"validation/{name}": [20, 40] for name in names}
    assert steps_of(tmp_path) == expected
    monkeypatch.setattr("keras_vit.run.watch.SHARE", 0.0)
    watch.on_epoch_end(1)  # waits: pictures took long enough already
    assert steps_of(tmp_path) == expected


def test_the_projector_gets_the_features_at_the_end(tmp_path):
    model, truth = small_classifier(), np.arange(12) % 3
    watch = watched(CLASSES, model, truth, tmp_path, every=100)
    assert not list(tmp_path.iterdir())
    watch.on_train_end()
    runs = opened(tmp_path)
    assert runs("/runs").json == ["features/after 6 epochs"]
    read = dict(run="features/after 6 epochs", name="after 6 epochs")
    head = model.get_layer("head")
    features = keras.Model(model.input, head.input).predict(IMAGES, verbose=0)
    vectors = np.frombuffer(runs("/tensor", **read).data, "float32").reshape(12, -1)
    np.testing.assert_allclose(vectors, features, atol=1e-4)
    heading, *lines = (line.split("\t") for line in runs("/metadata", **read).text.splitlines())
    assert heading == ["truth", "answer", "probability"]
    answers = model.predict(IMAGES, verbose=0).argmax(-1)
    assert [x[0] for x in lines] == [CLASSES.class_names[i] for i in truth]
    assert [x[1] for x in lines] == [CLASSES.class_names[i] for i in answers]
    width, height = runs("/info", run=read["run"]).json["embeddings"][0]["sprite"]["singleImageDim"]
    assert (width, height) == (48, 48)


def test_a_training_that_was_complete_before_projects_nothing(tmp_path):
    watched(CLASSES, small_classifier(), np.arange(12) % 3, tmp_path, 0, every=2).on_train_end()
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_pool_draws_only_its_answers(tmp_path):
    task, model = segmentation(("sky", "road")), segmenter(vit("mu/4", image_size=8), 2)
    watched(task, model, np.zeros((12, 8, 8), int), tmp_path, 2, every=1).on_train_end()
    assert steps_of(tmp_path) == {"validation/iou": [10], "validation/worst answers": [10]}
    assert not (tmp_path / "features").exists()


def test_numbers_that_are_no_classes_have_attention_and_features(tmp_path):
    task = Task(
        name="brightness",
        example=None,
        loss=keras.losses.MeanSquaredError,
        deploy=lambda model: answering(model.input, {"brightness": model.output}, "brightness"),
        score=lambda pairs: Result({"error": 0.0}, sum(len(truth) for _, truth in pairs)),
    )
    backbone = features(vit("mu/4", image_size=8))
    model = keras.Model(backbone.input, keras.layers.Dense(1, name="head")(backbone.output))
    watched(task, model, IMAGES.mean((1, 2, 3)), tmp_path, 2, every=1).on_train_end()
    assert steps_of(tmp_path) == {"validation/attention": [10]}
    runs = opened(tmp_path)
    (points,) = runs("/info", run="features/after 2 epochs").json["embeddings"]
    assert points["tensorShape"] == [12, backbone.output_shape[-1]]
    assert "metadataPath" not in points


def mistakes(task, images, truth, answers):
    worst = Worst(task)
    worst(images, truth, answers)
    return [axes.get_title() for axes in mistakes_figure(task, worst.examples).axes]


def test_mistakes_say_what_is_true_and_what_was_answered():
    answers = {"probabilities": np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], "float32")}
    images, truth = np.zeros((3, 8, 8, 1), "uint8"), np.array([0, 0, 1])
    titles = mistakes(classification(("red", "green")), images, truth, answers)
    assert titles == ["is red\nanswer 0.9\ngreen"]


def test_mistakes_of_masks_are_drawn_beside_the_truth():
    images, truth = np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 8, 8), int)
    answers = {"mask": np.zeros((2, 8, 8), int)}
    answers["mask"][1, :4] = 1
    titles = mistakes(segmentation(("sky", "road")), images, truth, answers)
    assert titles == ["0.5", "truth", "answer", "1", "truth", "answer"]
