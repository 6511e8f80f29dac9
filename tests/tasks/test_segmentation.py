"""The task of segmentation: what is deployed, how it is scored and drawn."""

import keras
import numpy as np
import pytest
from random_models import randomised

from keras_vit.models import vit
from keras_vit.tasks import deploy, segmentation, segmenter, task_named
from keras_vit.tasks.deployed import class_names_of, preprocessing_of
from keras_vit.tasks.palette import palette

NAMES = ("road", "sky", "tree")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def trained():
    return randomised(segmenter(vit("mu/8", image_size=16), 3))


@pytest.mark.parametrize(
    "size, enlarge",
    [
        (None, 1),
        pytest.param(None, (1, 2), marks=pytest.mark.tensorflow),
        pytest.param((16, 16), 1, marks=pytest.mark.tensorflow),
        ((20, 27), 1.6),
    ],
)
def test_a_trained_graph_is_deployed_to_answer_with_a_mask(trained, size, enlarge, tmp_path):
    task = segmentation(NAMES, void=9, size=size, enlarge=enlarge)
    model = task.deploy(trained)
    size = size or (16, 16)
    images = RNG.integers(0, 256, (2, *size, 3)).astype("float32")
    deployed = deploy(model)
    assert (deployed.task, deployed.options) == ("segmentation", {"void": 9})
    mask = deployed.predict(images)["mask"]
    assert mask.shape == (2, *size) and mask.dtype == np.int32
    if size == (16, 16) and enlarge == 1:
        np.testing.assert_array_equal(mask, np.asarray(trained(images)).argmax(-1))

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(deploy(again).predict(images)["mask"], mask)
    assert class_names_of(again) == list(NAMES)
    assert preprocessing_of(again).image_size == size
    same = task_named(deploy(again).task, class_names_of(again), deploy(again).options)
    assert same.options == task.options and same.class_names == NAMES


def test_the_headline_is_the_mean_iou_of_one_confusion_matrix():
    """Two pictures whose classes are unlike: the mean of their own IoUs would be 2/3."""
    true = np.array([[[0, 0, 1, 1]], [[1, 1, 1, 9]]])
    answered = np.array([[[0, 1, 1, 1]], [[1, 1, 1, 0]]])
    task = segmentation(NAMES, void=9)
    result = task.score([({"mask": answered[:1]}, true[:1]), ({"mask": answered[1:]}, true[1:])])
    assert result.headline == ("mean_iou", pytest.approx((1 / 2 + 5 / 6) / 2))
    assert result.figures["pixel_accuracy"] == pytest.approx(6 / 7)
    assert result.figures["class_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    np.testing.assert_allclose(result.each, [3 / 4, 1])
    assert result.count == 2
    assert result.per_class["pixels"].tolist() == [2, 5, 0]
    assert np.isnan(result.per_class["iou"][2])
    assert result.plots["iou"]().axes
    with pytest.raises(ValueError, match="no image"):
        task.score([])


def test_an_answer_is_drawn_with_its_ids_and_described_by_its_areas():
    task = segmentation(NAMES)
    mask = np.array([[0, 0, 2, 2], [2, 2, 2, 2]])
    image = np.full((2, 4, 3), 100, "uint8")
    drawn = task.show(image, {"mask": mask})
    np.testing.assert_array_equal(np.asarray(drawn["mask"]), mask)
    colours = palette(3)
    np.testing.assert_array_equal(np.asarray(drawn["mask"].convert("RGB")), colours[mask])
    overlay = np.asarray(drawn["overlay"]).astype(int)
    assert np.abs(overlay - (100 + colours[mask].astype(int)) / 2).max() <= 0.5
    rows = task.words({"mask": mask})
    assert [(row["name"], row["index"], row["area"]) for row in rows] == [
        ("tree", 2, 0.75),
        ("road", 0, 0.25),
    ]
    grey = task.show(image[..., :1], {"mask": mask})["overlay"]
    np.testing.assert_array_equal(np.asarray(grey), np.asarray(drawn["overlay"]))


@pytest.mark.parametrize("count", [1, 11, 150])
def test_colours_of_classes_differ(count):
    assert len(np.unique(palette(count), axis=0)) == count


@pytest.mark.parametrize(
    "names, options, message",
    [
        ((), {}, "names of its classes: received none"),
        (NAMES, {"void": 1}, "no id of the 3"),
        (NAMES, {"enlarge": 0.9}, r"`enlarge` must lie in \[1, inf\): received 0.9"),
        (NAMES, {"enlarge": (2, 0.9)}, r"`enlarge` must lie in \[1, inf\): received 2, 0.9"),
        (NAMES, {"enlarge": ()}, r"`enlarge` must lie in \[1, inf\): received none"),
    ],
)
def test_a_task_of_wrong_arguments_is_refused(names, options, message):
    with pytest.raises(ValueError, match=message):
        segmentation(names, **options)


def test_what_cannot_be_scored_or_drawn_is_one_sentence():
    task, masks = segmentation(NAMES, void=9), np.zeros((1, 2, 2), int)
    with pytest.raises(ValueError, match="answers with `mask`: received scores"):
        task.words({"scores": masks[0]})
    with pytest.raises(ValueError, match=r"shape of the true one, \(2, 2\): received \(3, 3\)"):
        task.score([({"mask": np.zeros((1, 3, 3), int)}, masks)])
    with pytest.raises(ValueError, match="at most 256 classes: received 300"):
        segmentation(map(str, range(300))).show(np.zeros((2, 2, 3), "uint8"), {"mask": masks[0]})
    nothing = task.score([({"mask": masks}, masks + 9)])
    assert all(np.isnan(value) for value in nothing.figures.values())


def test_an_unknown_task_is_one_sentence():
    for name in ("angle", "task", "../x", "confusion"):
        with pytest.raises(ValueError, match="^keras_vit has no task called"):
            task_named(name)
    with pytest.raises(ValueError, match="does not take the options"):
        task_named("segmentation", NAMES, {"colour": 3})
