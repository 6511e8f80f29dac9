"""The surest boxes of a picture: greedy suppression, and what it passes on."""

import keras
import numpy as np
import pytest

from keras_vit.tasks.suppress import SurestBoxes, survivors

RNG = np.random.default_rng(0)


def greedy(boxes, classes, max_iou):
    """Suppression as it is usually written: one box after the other."""
    kept = []
    for place, (box, kind) in enumerate(zip(boxes, classes, strict=True)):
        for other in kept:
            low, high = np.maximum(box[:2], boxes[other][:2]), np.minimum(box[2:], boxes[other][2:])
            both = np.maximum(high - low, 0).prod()
            areas = [(each[2:] - each[:2]).prod() for each in (box, boxes[other])]
            if kind == classes[other] and both > max_iou * (sum(areas) - both):
                break
        else:
            kept.append(place)
    return np.isin(np.arange(len(boxes)), kept)


@pytest.mark.tensorflow
@pytest.mark.parametrize("max_iou", [0, 0.3, 0.6, 1])
def test_who_survives_is_what_one_box_after_the_other_says(max_iou):
    low = RNG.integers(0, 20, (4, 40, 2))
    boxes = np.concatenate([low, low + RNG.integers(0, 12, (4, 40, 2))], -1).astype("float32")
    classes = RNG.integers(0, 2, (4, 40))
    kept = keras.ops.convert_to_numpy(survivors(boxes, classes, max_iou))
    for each in range(4):
        expected = greedy(boxes[each], classes[each], max_iou)
        np.testing.assert_array_equal(kept[each], expected)
    assert kept.all() if max_iou == 1 else kept.any() and not kept.all()


def test_a_chain_of_boxes_is_followed_to_its_end():
    """Each one overlaps the next: every second one survives, however long the chain is."""
    start = np.arange(30) * 2.0
    boxes = np.stack([start, 0 * start, start + 4, 0 * start + 4], -1)[None].astype("float32")
    kept = survivors(boxes, np.zeros((1, 30), int), 0.3)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(kept)[0], np.arange(30) % 2 == 0)


def points(*rows):
    """Answers of a detector of two classes: `(box, probabilities)` of points at (8, 8), stride 8"""
    made = []
    for (left, top, right, bottom), chances in rows:
        sides = np.array([8 - left, 8 - top, right - 8, bottom - 8]) / 8
        chances = np.array(chances)
        made.append([8, 8, 8, *sides, *np.log(chances / (1 - chances))])
    return np.array([made], "float32")


def answered(layer, *rows):
    answers = layer(points(*rows))
    return {name: keras.ops.convert_to_numpy(array)[0] for name, array in answers.items()}


@pytest.mark.tensorflow
def test_the_surest_boxes_come_first_inside_of_the_image():
    answers = answered(
        SurestBoxes((16, 24), max_boxes=5, min_score=0.1),
        ((0, 0, 16, 16), (0.05, 0.6)),
        ((-4, -4, 30, 20), (0.9, 0.2)),
        ((0, 0, 16, 14), (0.01, 0.7)),  # repeats the first one, and is surer
    )
    np.testing.assert_array_equal(answers["classes"], [0, 1, 1, -1, -1])
    np.testing.assert_allclose(answers["scores"], [0.9, 0.7, 0.2, 0, 0], atol=1e-6)
    boxes = [(0, 0, 24, 16), (0, 0, 16, 14), (0, 0, 24, 16), (0, 0, 0, 0), (0, 0, 0, 0)]
    np.testing.assert_allclose(answers["boxes"], boxes, atol=1e-5)


@pytest.mark.tensorflow
def test_there_are_at_most_as_many_boxes_as_candidates():
    rows = [((0, 0, 9 + place, 9), (0.5, 0.1)) for place in range(3)]
    answers = answered(SurestBoxes((16, 16), candidates=2), *rows)
    assert answers["boxes"].shape == (2, 4) and answers["classes"].tolist() == [0, -1]
    assert answered(SurestBoxes((16, 16), max_boxes=1), *rows)["classes"].tolist() == [0]


def test_a_file_holds_the_layer(tmp_path):
    inputs = keras.Input((3, 9))
    model = keras.Model(inputs, SurestBoxes((16, 16), max_boxes=2, max_iou=0.5)(inputs))
    assert {name: tuple(x.shape) for name, x in model.output.items()} == {
        "boxes": (None, 2, 4),
        "scores": (None, 2),
        "classes": (None, 2),
    }
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    batch = RNG.normal(size=(2, 3, 9)).astype("float32")
    for name, array in model(batch).items():
        np.testing.assert_array_equal(again(batch)[name], array)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(max_boxes=0), "`max_boxes` must be at least 1: received 0"),
        (dict(max_iou=1.5), r"`max_iou` must lie in \[0, 1\]: received 1.5"),
    ],
)
def test_what_cannot_be_is_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        SurestBoxes((16, 16), **options)
