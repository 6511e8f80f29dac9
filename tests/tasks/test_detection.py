"""The task of detection: what is deployed, how it is scored, drawn and compared."""

import keras
import numpy as np
import pytest
from random_models import randomised

from keras_vit.evaluation.compare import _comparison
from keras_vit.models import vit
from keras_vit.tasks import deploy, detection, detector, task_named
from keras_vit.tasks.deployed import class_names_of
from keras_vit.tasks.palette import palette

pytest.importorskip("faster_coco_eval", reason="the extra [detect] is missing")
NAMES = ("cat", "dog")
RNG = np.random.default_rng(0)
NOTHING = (0, 0, 0, 0, -1)


@pytest.fixture(scope="module")
def trained():
    return randomised(detector(vit("mu/8", image_size=16), 2, width=8, depth=0))


def answers(*pictures):
    """Makes the answers of a batch of pictures: rows of a box, a score and a class."""
    rows = np.array(pictures, "float32").reshape(len(pictures), -1, 6)
    return {"boxes": rows[..., :4], "scores": rows[..., 4], "classes": rows[..., 5].astype("int32")}


def test_a_trained_graph_is_deployed_to_answer_with_boxes(trained, tmp_path):
    task = detection(NAMES, threshold=0.3)
    model = task.deploy(trained)
    images = RNG.integers(0, 256, (2, 16, 16, 3)).astype("float32")
    deployed = deploy(model)
    assert (deployed.task, deployed.options) == ("detection", {"threshold": 0.3})
    found = {name: keras.ops.convert_to_numpy(x) for name, x in deployed(images).items()}
    count = 2 * (16 + 4 + 1)
    assert {name: array.shape for name, array in found.items()} == {
        "boxes": (2, count, 4),
        "scores": (2, count),
        "classes": (2, count),
    }
    assert found["classes"].dtype == np.int32 and found["scores"].max() > 0

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(deploy(again)(images)["boxes"], found["boxes"])
    assert class_names_of(again) == list(NAMES)
    same = task_named("detection", NAMES, deploy(again).options)
    assert same.options == task.options and same.class_names == NAMES
    with pytest.raises(ValueError, match="must have 3 classes: it has 2"):
        detection((*NAMES, "owl")).deploy(trained)


def test_the_headline_is_the_mean_over_all_pictures_and_each_is_how_well_it_was_found():
    cat, dog = (0, 0, 10, 10), (20, 20, 40, 40)
    truth = np.array([[(*cat, 0), (*dog, 1)], [(*cat, 0), NOTHING], [NOTHING, NOTHING]], float)
    found = answers(
        [(*cat, 0.9, 0), (*dog, 0.2, 1)],  # the dog is below the threshold
        [(*cat, 0.8, 0), (*dog, 0.7, 0)],
        [(0, 0, 0, 0, 0, -1), (0, 0, 0, 0, 0, -1)],
    )
    task = detection(NAMES)
    pairs = [({k: x[at] for k, x in found.items()}, truth[at]) for at in (slice(2), slice(2, 3))]
    result = task.score(pairs)
    assert result.headline == ("mAP", pytest.approx(1)) and result.count == 3
    np.testing.assert_allclose(result.each, [2 / 3, 2 / 3, 1])
    assert result.per_class["boxes"].tolist() == [2, 1]
    assert result.plots["ap"]().axes
    assert set(result.figures) | {"AP", "AP50"} == set(task.shares)
    with pytest.raises(ValueError, match="no image"):
        task.score([])
    with pytest.raises(ValueError, match="boxes, scores, classes: received mask, without boxes"):
        task.score([({"mask": truth}, truth)])


def test_an_answer_is_drawn_and_listed_above_the_threshold():
    found = {k: x[0] for k, x in answers([(2, 3, 20, 30, 0.9, 1), (0, 0, 9, 9, 0.4, 0)]).items()}
    rows = detection(NAMES).words(found)
    assert len(rows) == 1 and (rows[0]["name"], rows[0]["index"]) == ("dog", 1)
    assert rows[0]["score"] == pytest.approx(0.9)
    assert [rows[0][side] for side in ("x_min", "y_min", "x_max", "y_max")] == [2, 3, 20, 30]
    assert len(detection(NAMES, threshold=0.4).words(found)) == 2

    image = np.full((32, 48, 1), 100, "uint8")
    drawn = np.asarray(detection(NAMES).show(image, found)["boxes"])
    colour = palette(2)[1]
    assert drawn.shape == (32, 48, 3)
    for y, x in ((3, 2), (29, 2), (29, 19), (3, 19)):  # the pixels in the corners of the box
        np.testing.assert_array_equal(drawn[y, x], colour)
    for y, x in ((30, 2), (25, 10), (29, 20), (2, 2)):
        np.testing.assert_array_equal(drawn[y, x], [100, 100, 100])
    true = detection(NAMES).picture(image, np.array([(2, 3, 20, 30, 1), NOTHING]))
    assert (true != 100).any() and true.shape == (32, 48, 3)
    nothing = np.array([NOTHING])
    np.testing.assert_array_equal(detection(NAMES).picture(image[..., [0, 0, 0]], nothing), 100)


def test_exports_are_not_refused_because_rounding_swaps_two_boxes():
    task = detection(NAMES)
    ours = answers([(0, 0, 9, 9, 0.5, 0), (20, 20, 30, 30, 0.5, 1), (1, 1, 2, 2, 0.001, 0)])
    truth = np.array([[(0, 0, 9, 9, 0)]], "float32")
    swapped = {name: array[:, [1, 0, 2]] for name, array in ours.items()}
    gone = dict(swapped, classes=swapped["classes"] * np.array([1, 1, -1]) - np.array([0, 0, 1]))
    other = dict(ours, classes=np.array([[1, 1, 0]], "int32"))
    differences = {}
    for name, theirs in (("swapped", swapped), ("gone", gone), ("other", other)):
        results = tuple(task.score([(each, truth)]) for each in (theirs, ours))
        how = dict(milliseconds={}, runtime="")
        compared = _comparison(task, __file__, (theirs, ours), results, **how)
        differences[name] = compared.difference
        assert compared.decided == 0 and not compared.broken
    assert differences["swapped"] < 1e-6 and differences["gone"] < 1e-6
    assert differences["other"] > 0.01


@pytest.mark.parametrize(
    "names, options, message",
    [
        ((), {}, "names of its classes: received none"),
        (NAMES, {"threshold": 1.5}, r"`threshold` must lie in \[0, 1\]: received 1.5"),
    ],
)
def test_a_task_of_wrong_arguments_is_refused(names, options, message):
    with pytest.raises(ValueError, match=message):
        detection(names, **options)


@pytest.mark.slow
def test_overfits_coloured_rectangles():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (8, 48, 48, 3)).astype("float32")
    truth = np.full((8, 3, 5), NOTHING, "float32")
    for image, rows, count in zip(images, truth, (1, 3, 2, 3) * 2, strict=True):
        for place in range(count):
            kind, (width, height) = rng.integers(0, 2), rng.integers(8, 25, 2)
            left, top = rng.integers(0, 48 - width), rng.integers(0, 48 - height)
            image[top : top + height, left : left + width, kind] += 190
            rows[place] = left, top, left + width, top + height, kind
    task = detection(NAMES)
    model = detector(vit("mu/8", image_size=48), 2, width=16, depth=1)
    falling = keras.optimizers.schedules.CosineDecay(2e-3, 800)
    model.compile(keras.optimizers.Adam(falling), task.loss(), jit_compile=False)
    for _ in range(800):
        model.train_on_batch(images, truth)
    found = deploy(task.deploy(model))(images)
    found = {name: keras.ops.convert_to_numpy(array) for name, array in found.items()}
    assert task.score([(found, truth)]).figures["mAP"] > 0.95


@pytest.mark.parametrize("label, expected", [(0, 0.5), (-2, 1)])
def test_an_ignored_box_is_carried_from_the_sample_to_the_score(label, expected):
    sample = {
        "image": np.zeros((1, 100, 100, 3), "uint8"),
        "boxes": np.array([[(0, 0, 20, 20), (40, 40, 100, 100), (0, 0, 0, 0)]], "float32"),
        "box_labels": np.array([[0, label, -1]]),
    }
    task = detection(["cat"])
    _, truth = task.example(sample)
    found = answers([(0, 0, 20, 20, 0.8, 0), (50, 50, 60, 60, 0.9, 0)])
    result = task.score([(found, np.asarray(truth))])
    assert result.figures["mAP50"] <= expected and result.each[0] == pytest.approx(expected)
    assert (result.figures["mAP"] == 1) == (label < 0)
    assert result.per_class["boxes"].tolist() == [1 if label < 0 else 2]
    drawn = task.picture(np.zeros((100, 100, 3), "uint8"), np.asarray(truth)[0])
    assert drawn[40:].any() == (label >= 0)


@pytest.mark.parametrize("head", ["dense", "tokens"])
def test_an_ignored_box_is_learned_as_no_box(head, trained):
    rng = np.random.default_rng(0)
    shape = (2, 21, 9) if head == "dense" else (2, 1, 5, 9)
    outputs = rng.normal(size=shape).astype("float32")
    if head == "dense":
        outputs = keras.ops.convert_to_numpy(trained(rng.integers(0, 256, (2, 16, 16, 3))))
    else:
        outputs[..., :2], outputs[..., 2:6] = 16, 0.5
    truth = np.array([[(2, 3, 9, 9, 1), (1, 1, 15, 15, -2)]] * 2, "float32")
    without = truth.copy()
    without[:, 1] = NOTHING
    loss = detection(NAMES, head=head).loss()
    assert float(loss(truth, outputs)) == float(loss(without, outputs))
