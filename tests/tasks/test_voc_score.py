"""Pascal VOC's average precision, by hand and beside its definition written out."""

import numpy as np
import pytest

from keras_vit.tasks.voc_score import harmonic_mean, voc_ap

TRUE = [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]
FAR = [90, 90, 95, 95]


def pair(boxes, scores, true=TRUE, **more):
    zeros = np.zeros(len(boxes), int)
    truth = {"boxes": true, "box_labels": np.zeros(len(true), int), **more}
    return truth, {"boxes": boxes, "scores": scores, "classes": zeros}


def test_a_case_by_hand():
    # Right, wrong, right; the third is missed: precision 1 up to 1/3, then 2/3 up to 2/3.
    found = pair([TRUE[0], FAR, TRUE[1]], [0.9, 0.8, 0.7])
    assert voc_ap([found], 1) == pytest.approx([1 / 3 + 2 / 3 * 1 / 3])
    # 0, 0.1, 0.2, 0.3 have precision 1; 0.4, 0.5, 0.6 have 2/3.
    assert voc_ap([found], 1, points=11) == pytest.approx([(4 + 3 * 2 / 3) / 11])


def test_the_second_box_on_an_object_is_wrong_also_where_another_is_free():
    # VOC looks at the true box that is overlapped most, COCO at the next free one.
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10]]
    true = [[0, 0, 10, 10], [0, 0, 10, 9]]
    assert voc_ap([pair(boxes, [0.9, 0.8], true)], 1) == pytest.approx([0.5])


def test_difficult_boxes_count_neither_as_found_nor_as_missed():
    difficult = np.array([False, True, True])
    found = pair([TRUE[1], TRUE[0]], [0.9, 0.8], ignored=difficult)
    assert voc_ap([found], 1) == pytest.approx([1])
    assert np.isnan(voc_ap([pair([TRUE[1]], [0.9], ignored=[1, 1, 1])], 1)).all()


def test_a_recall_of_three_tenths_is_reached_by_three_of_ten():
    true = [[20 * index, 0, 20 * index + 10, 10] for index in range(10)]
    found = pair(true[:3], [0.9, 0.8, 0.7], true)
    assert voc_ap([found], 1, points=11) == pytest.approx([4 / 11])


def test_a_class_without_boxes_is_not_known_and_one_without_answers_has_nothing():
    none = pair(np.zeros((0, 4)), [])
    values = voc_ap([none], 2)
    assert values[0] == 0 and np.isnan(values[1])
    assert voc_ap([none], 1, points=11) == [0]
    assert np.isnan(voc_ap([], 1)).all()


def by_definition(pairs, points):
    """Computes what the development kit does for one class, one box after another."""
    rows = [
        (score, picture, box)
        for picture, (_, answers) in enumerate(pairs)
        for score, box in zip(answers["scores"], answers["boxes"], strict=True)
    ]
    rows.sort(key=lambda row: -row[0])
    found = [set() for _ in pairs]
    hits = []
    for _, picture, box in rows:
        best, at = -1, None
        for index, other in enumerate(pairs[picture][0]["boxes"]):
            width = min(box[2], other[2]) - max(box[0], other[0])
            height = min(box[3], other[3]) - max(box[1], other[1])
            both = width * height if width > 0 and height > 0 else 0
            areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (box, other)]
            if both / (sum(areas) - both) > best:
                best, at = both / (sum(areas) - both), index
        hits.append(best >= 0.5 and at not in found[picture])
        if hits[-1]:
            found[picture].add(at)
    needed = sum(len(truth["boxes"]) for truth, _ in pairs)
    recall, precision = np.cumsum(hits) / needed, np.cumsum(hits) / np.arange(1, len(hits) + 1)
    if points == 11:
        steps = [precision[recall >= step - 1e-9] for step in np.arange(11) / 10]
        return np.mean([each.max(initial=0) for each in steps])
    area, before = 0, 0
    for step in np.unique(recall):
        area += (step - before) * precision[recall >= step].max()
        before = step
    return area


@pytest.mark.parametrize("points", [None, 11])
def test_random_boxes_score_as_the_definition_says(points):
    rng, pairs = np.random.default_rng(0), []
    for _ in range(6):
        true = rng.uniform(0, 60, (4, 2)).repeat(2, 1).reshape(4, 2, 2).transpose(0, 2, 1)
        true = (true + [[0, 0], [12, 12]]).reshape(4, 4)
        boxes = true[rng.integers(0, 4, 9)] + rng.normal(0, 1.5, (9, 4))
        pairs.append(pair(boxes, rng.random(9), true))
    expected = by_definition(pairs, points)
    assert 0.1 < expected < 0.95
    assert voc_ap(pairs, 1, points=points) == pytest.approx([expected], abs=1e-12)


def test_other_numbers_of_points_are_refused():
    with pytest.raises(ValueError, match="None or 11: received 101"):
        voc_ap([], 1, points=101)


def test_the_mean_of_one_picture_counts_what_is_wrong_and_what_is_missed():
    truth, found = pair([TRUE[0], FAR], [0.9, 0.8])
    assert harmonic_mean(truth, found, 1) == pytest.approx(2 / 5)  # 1 right of 2 and 3
    assert harmonic_mean(truth, dict(found, classes=[1, -1]), 2) == 0
    assert harmonic_mean(truth, dict(found, classes=[-1, -1]), 1) == 0


def test_what_is_found_in_an_ignored_box_is_neither_wrong_nor_missed():
    inside, other = [82, 82, 88, 88], [95, 82, 125, 88]  # the second by a sixth
    truth, found = pair([TRUE[0], inside], [0.9, 0.8], [TRUE[0], [80, 80, 100, 100]])
    assert harmonic_mean(truth, found, 1) == pytest.approx(0.5)
    truth["ignored"] = [False, True]
    assert harmonic_mean(truth, found, 1) == 1
    _, more = pair([TRUE[0], inside, other], [0.9, 0.8, 0.7])
    assert harmonic_mean(truth, more, 1) == pytest.approx(2 / 3)
    assert harmonic_mean(truth, dict(more, classes=[1, 1, 1]), 2) == 0
    nothing = pair([], [], true=[])
    assert harmonic_mean(*nothing, 1) == 1
