"""Average precision of boxes beside COCO's own evaluator, and what is refused."""

import numpy as np
import pytest

from keras_vit.tasks.box_score import DetectionScore

ONE = np.array([[0.0, 0.0, 10.0, 10.0]])


def drawn(rng, count, side=200):
    """Draws boxes of all sizes in a square picture, at least a pixel large."""
    low = rng.uniform(0, side - 1, (count, 2))
    return np.concatenate([low, np.minimum(low + rng.uniform(1, 0.8 * side, (count, 2)), side)], 1)


def picture(rng, classes, true, found):
    """Draws what is true of a picture, and an answer that knows of some of it."""
    truth = {
        "boxes": drawn(rng, true),
        "box_labels": rng.integers(0, classes, true),
        "ignored": rng.random(true) < 0.2,
    }
    known = rng.integers(0, true, found // 2) if true else np.zeros(0, int)
    near = np.sort((truth["boxes"][known] + rng.normal(0, 4, (len(known), 4))).reshape(-1, 2, 2), 1)
    boxes = np.concatenate([near.reshape(-1, 4), drawn(rng, found - len(known))])
    random = rng.integers(0, classes, found - len(known))
    return truth, {
        "boxes": boxes,
        "scores": np.round(rng.random(found), 1),  # many are equal
        "classes": np.concatenate([truth["box_labels"][known], random]),
    }


def by_pycocotools(pairs, classes):
    """Returns precision as COCO's evaluator computes it, -1 where it is not known."""
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    both = coco.COCO(), coco.COCO()
    for data, part in zip(both, (0, 1), strict=True):
        rows = []
        for number, pair in enumerate(pairs, 1):
            sides = dict(pair[part])
            kinds = sides["classes"] if part else sides["box_labels"]
            for index, (x, y, right, bottom) in enumerate(sides["boxes"]):
                row = dict(bbox=[x, y, right - x, bottom - y], area=(right - x) * (bottom - y))
                more = dict(score=sides["scores"][index]) if part else {}
                crowd = 0 if part else int(sides["ignored"][index])
                row |= dict(id=len(rows) + 1, image_id=number, category_id=int(kinds[index]))
                rows.append({**row, "iscrowd": crowd, **more})
        images = [{"id": number} for number in range(1, len(pairs) + 1)]
        categories = [{"id": number} for number in range(classes)]
        data.dataset = dict(images=images, categories=categories, annotations=rows)
        data.createIndex()
    evaluator = COCOeval(*both, iouType="bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return evaluator


@pytest.mark.parametrize("seed", range(3))
def test_it_is_coco_s_own_evaluator(seed):
    rng = np.random.default_rng(seed)
    sizes = [(5, 20), (0, 7), (4, 0), (0, 0), (30, 400), (3, 9), (1, 1)]
    pairs = [picture(rng, 3, *size) for size in sizes]
    # Of a fourth class nothing is true, of a fifth nothing is found.
    pairs[1][1]["classes"][:3] = 3
    pairs[2][0]["box_labels"][:2] = 4
    pairs[2][0]["ignored"][0] = False
    score = DetectionScore.of(iter(pairs), 5)
    expected = by_pycocotools(pairs, 5)
    precision = expected.eval["precision"][..., -1]
    assert (precision[:, :, 3] == -1).all() and (precision[:, :, 4, 0] == 0).all()
    assert 0.01 < expected.stats[0] < 0.99
    np.testing.assert_allclose(np.nan_to_num(score.precision, nan=-1), precision, atol=1e-9, rtol=0)
    figures = np.nan_to_num(list(score.figures.values()), nan=-1)
    np.testing.assert_allclose(figures, expected.stats[:6], atol=1e-9, rtol=0)
    by_class = [precision[:, :, index, 0].mean() for index in (0, 1, 2, 4)]
    np.testing.assert_allclose(score.ap[[0, 1, 2, 4]], by_class, atol=1e-9, rtol=0)
    assert score.boxes.sum() == sum((~truth["ignored"]).sum() for truth, _ in pairs)


def test_a_case_by_hand():
    truth = {"boxes": [[0, 0, 100, 100], [0, 0, 20, 20]], "box_labels": [0, 1]}
    answers = {"boxes": [[0, 0, 100, 80]], "scores": [0.5], "classes": [0]}
    score = DetectionScore.of([(truth, answers)], 3)
    # 0.8 overlaps enough for 0.50 to 0.80, seven of ten; the second class has nothing, the third
    # is not there.
    np.testing.assert_allclose(score.ap, [0.7, 0, np.nan])
    np.testing.assert_allclose(score.ap50, [1, 0, np.nan])
    figures = dict(mAP=0.35, mAP50=0.5, mAP75=0.5, mAP_small=0, mAP_large=0.7)
    assert {name: score.figures[name] for name in figures} == pytest.approx(figures)
    assert np.isnan(score.figures["mAP_medium"])


def test_places_without_a_box_and_pictures_without_boxes_count_nowhere():
    truth = {"boxes": np.zeros((3, 4)), "box_labels": np.array([-1, 0, -1])}
    truth["boxes"][1] = ONE
    answers = {"boxes": np.repeat(ONE, 2, 0), "scores": [0.9, 0.8], "classes": [-1, 0]}
    empty = {"boxes": np.zeros((0, 4)), "box_labels": np.zeros(0, int)}
    nothing = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "classes": np.zeros(0, int)}
    score = DetectionScore.of([(truth, answers), (empty, nothing)], 1)
    assert score.figures["mAP"] == 1 and score.pictures == 2
    assert np.isnan(DetectionScore.of([(empty, nothing)], 1).figures["mAP"])
    assert np.isnan(DetectionScore.of([], 1).figures["mAP"])


def test_the_inside_of_a_crowd_counts_nowhere():
    truth = {"boxes": [[0, 0, 10, 10], [50, 50, 90, 90]], "box_labels": [0, 0], "ignored": [0, 1]}
    answers = {"boxes": [[60, 60, 70, 70], *ONE], "scores": [0.9, 0.8], "classes": [0, 0]}
    assert DetectionScore.of([(truth, answers)], 1).figures["mAP"] == 1
    truth["ignored"] = [0, 0]
    assert DetectionScore.of([(truth, answers)], 1).figures["mAP"] < 0.5


@pytest.mark.parametrize(
    "part, key, value, message",
    [
        (0, "boxes", [[0, 0, np.nan, 1]], r"must be finite: received true \(0, 0, nan, 1\)"),
        (0, "boxes", [[5, 0, 1, 1]], r"smaller corner first: received true \(5, 0, 1, 1\)"),
        (0, "boxes", [[5, 0, 5, 1]], r"must have an area: received \(5, 0, 5, 1\)"),
        (0, "box_labels", [2], r"lie in \[0, 2\): received true class 2"),
        (0, "box_labels", [-2], r"lie in \[0, 2\): received true class -2"),
        (0, "box_labels", [0, 1], r"boxes of \(1, 4\) and classes of \(2,\)"),
        (0, "boxes", [[0, 0, 1]], r"boxes of \(1, 3\) and classes of \(1,\)"),
        (1, "boxes", [[0, np.inf, 1, 1]], r"received answered \(0, inf, 1, 1\)"),
        (1, "boxes", [[0, 5, 1, 1]], r"smaller corner first: received answered \(0, 5, 1, 1\)"),
        (1, "classes", [7], r"lie in \[0, 2\): received answered class 7"),
        (1, "scores", [np.nan], r"score must be finite: received nan for the box \(0, 0, 10, 10\)"),
        (1, "scores", [0.1, 0.2], r"must have a score: received scores of \(2,\)"),
    ],
)
def test_a_bad_box_is_a_sentence(part, key, value, message):
    pair = {"boxes": ONE, "box_labels": [0]}, {"boxes": ONE, "scores": [0.5], "classes": [0]}
    pair[part][key] = value
    with pytest.raises(ValueError, match=message):
        DetectionScore.of([pair], 2)
