"""Pictures beside maps of what led to an answer."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_vit import interpret
from keras_vit.evaluation.worst import Worst
from keras_vit.images.heat import overlaid
from keras_vit.models import vit
from keras_vit.run.shown_answers import attention_figure, worst_figure
from keras_vit.tasks import answering, classification, classifier, deploy, features, segmenter

NAMES = ("red", "green", "blue")
TASK = classification(NAMES)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype("uint8")
TRUTH = np.arange(12) % 3


def small(**how):
    return vit("mu/4", image_size=8, depth=1, **how)


@pytest.fixture
def model():
    return classifier(small(), 3, class_names=NAMES)


def worst_of(model, task=TASK):
    worst = Worst(task)
    worst(IMAGES, TRUTH, deploy(model).predict(IMAGES))
    return worst.examples


def tiles(figure):
    return [(axes.get_title(), np.asarray(axes.images[0].get_array())) for axes in figure.axes]


def test_mistakes_stand_beside_what_speaks_for_the_answer_and_for_the_truth(model):
    worst = worst_of(model)
    assert len(worst) > 2
    drawn = tiles(worst_figure(TASK, model, worst))
    assert len(drawn) == 6  # two mistakes, see tests/conftest.py
    for place, example in enumerate(worst[:2]):
        (title, image), *maps = drawn[3 * place : 3 * place + 3]
        assert title == f"is {NAMES[example.truth]}"
        np.testing.assert_array_equal(image, example.image)
        chances = example.answers["probabilities"]
        asked = ("answer", int(chances.argmax())), ("truth", int(example.truth))
        for (what, index), (title, shown) in zip(asked, maps, strict=True):
            assert title == f"red: for {what} {chances[index]:.2f}\n{NAMES[index]}"
            values = np.asarray(interpret.relevance(model, index)(example.image[None]))[0]
            assert np.abs(shown.astype(int) - overlaid(example.image, values)).max() <= 1


def test_fixed_pictures_stand_beside_the_attention_to_them(model):
    probabilities = deploy(model).predict(IMAGES)["probabilities"]
    examples = [(IMAGES[i], TRUTH[i], {"probabilities": probabilities[i]}) for i in range(3)]
    drawn = tiles(attention_figure(TASK, model, examples))
    maps = np.asarray(interpret.attention_rollout(model)(IMAGES[:3]))
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    for place, ((title, image), (answer, shown)) in enumerate(pairs):
        chances = probabilities[place]
        assert title == f"is {NAMES[TRUTH[place]]}"
        assert answer == f"answer {chances.max():.3g}\n{NAMES[chances.argmax()]}"
        np.testing.assert_array_equal(image, IMAGES[place])
        assert np.abs(shown.astype(int) - overlaid(IMAGES[place], maps[place])).max() <= 1


def test_what_cannot_be_explained_is_drawn_as_it_is():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(inputs)
    foreign = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    drawn = tiles(worst_figure(TASK, foreign, worst_of(foreign)))
    assert len(drawn) > 2 and all(title.startswith("is ") for title, _ in drawn)
    assert attention_figure(TASK, foreign, []) is None
    assert attention_figure(TASK, segmenter(small(), 3), []) is None  # pools nothing
    windowed = classifier(vit("mu/2", image_size=8, depth=1, window=2, class_token=False), 3)
    assert attention_figure(TASK, windowed, []) is None
    assert len(tiles(worst_figure(TASK, windowed, worst_of(windowed)))) == 6


def test_numbers_that_are_no_classes_are_not_explained():
    backbone = features(small())
    head = keras.layers.Dense(3, name="head")(backbone.output)
    measured = answering(backbone.input, {"lengths": head}, "lengths")
    task = dataclasses.replace(TASK, name="lengths", words=None, decide=None)
    examples = worst_of(classifier(small(), 3))
    drawn = tiles(worst_figure(task, measured, examples))
    assert [title for title, _ in drawn] == [f"is {NAMES[x.truth]}" for x in examples]
    pairs = [(x.image, x.truth, {}) for x in examples[:2]]
    titles = [title for title, _ in tiles(attention_figure(task, measured, pairs))]
    assert titles[1::2] == ["", ""]
