"""The task of super-resolution."""

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import ViTConfig
from keras_vit.tasks import deploy, enlarger, super_resolution, task_named
from keras_vit.tasks.restore_score import RestorationScore

RNG = np.random.default_rng(0)
TASK = super_resolution(2)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype="uint8")


def tiny(scale=2):
    blocks = dict(width=8, depth=1, mlp_dim=8, num_heads=2, class_token=False, position="none")
    return enlarger(ViTConfig(image_size=16, patch_size=1, window=8, **blocks), scale=scale)


@pytest.fixture(scope="module")
def deployed():
    return deploy(TASK.deploy(tiny()))


def test_examples_are_the_size_that_the_model_takes():
    assert TASK.sample_size((16, 12)) == (40, 32)
    how = TASK.samples_by(Preprocessing(image_size=16, fit="keep"))
    assert (how.image_size, how.fit) == ((40, 40), "keep")
    x, y = TASK.example({"image": noise(2, *how.image_size, 3)})
    assert x.shape == (2, 16, 16, 3) and y.shape == (2, 32, 32, 3)


def test_an_export_makes_the_task_again(deployed):
    assert deployed.task == "super_resolution" and deployed.shapes["image"] == (None, 32, 32, 3)
    again = task_named(deployed.task, (), deployed.options)
    assert again.options == {"scale": 2} and again.sample_size((8, 8)) == (24, 24)


@pytest.mark.parametrize("shape", [(40, 27, 3), (9, 20, 3), (40, 27, 1)])
def test_a_picture_of_any_size_is_enlarged(deployed, shape):
    """The model is not trained, and so bicubic; a grey picture stays grey."""
    picture = noise(*shape)
    large = TASK.whole(deployed.predict_on_batch, (16, 16, 3), picture)["image"]
    assert large.shape == (2 * shape[0], 2 * shape[1], shape[2]) and large.dtype == np.uint8
    exact = bicubic(picture / 1.0, 2)
    assert np.abs(large - exact.clip(0, 255)).max() < 0.51


def test_whole_pictures_are_scored_as_publications_do(deployed):
    picture = noise(41, 36, 3)
    small, truth = TASK.whole_example(picture)
    np.testing.assert_array_equal(truth, picture[:40])
    np.testing.assert_array_equal(small, bicubic(truth, 0.5))
    answers = TASK.whole(deployed.predict_on_batch, (16, 16, 3), small)
    result = TASK.score([({"image": answers["image"][None]}, truth[None])])
    expected = RestorationScore.of([(truth, answers["image"])], border=2)
    assert result.figures == expected.figures and result.count == 1
    np.testing.assert_array_equal(result.each, expected.pictures[:, 0])


def test_figures_of_sets_are_their_means():
    pairs = [({"image": noise(3, 20, 20, 3) / 1.0}, noise(3, 20, 20, 3))]
    result = TASK.score(pairs)
    assert result.headline[0] == "psnr" and len(result.each) == 3
    sets = result.figures_of(np.array([[1, 1, 1], [2, 0, 0]]))
    np.testing.assert_allclose(sets["psnr"], [result.figures["psnr"], result.each[0]])


def test_loss_and_metric_by_hand():
    truth = noise(2, 8, 8, 3).clip(10, 240)
    answers = truth + np.float32([3, -6])[:, None, None, None]
    assert float(TASK.loss()(truth, answers)) == pytest.approx(4.5)
    (metric,) = TASK.metrics()
    metric.update_state(truth, answers)
    decibels = [20 * np.log10(255 / error) for error in (3, 6)]
    assert float(metric.result()) == pytest.approx(np.mean(decibels), abs=1e-4)
    assert metric.name == "psnr_rgb"


def test_answers_are_shown():
    answers = {"image": noise(8, 6, 3) + 0.3}
    (name, drawn), *_ = TASK.show(noise(4, 3, 3), answers).items()
    assert name == "x2" and drawn.size == (6, 8) and drawn.mode == "RGB"
    assert TASK.words(answers) == [{"name": "6 x 8 pixels"}]
    grey = TASK.show(noise(4, 3, 1), {"image": noise(8, 6, 1)})["x2"]
    assert grey.mode == "L"


def test_mistakes_are_one_sentence(deployed):
    for scale in (1, 2.5, True):
        with pytest.raises(UserError, match="`scale` must be an integer from 2: received scale="):
            super_resolution(scale)
    with pytest.raises(UserError, match="must enlarge 3 times: it answers 16x16 .* with 32x32"):
        super_resolution(3).deploy(tiny())
    with pytest.raises(UserError, match="must have 15 pixels on each side .*: received 14x99"):
        TASK.whole_example(noise(14, 99, 3))
    with pytest.raises(UserError, match="pictures of 1 channel: received 3"):
        TASK.whole(None, (16, 16, 1), noise(20, 20, 3))
    with pytest.raises(UserError, match="answers with `image`: received mask"):
        TASK.score([({"mask": noise(1, 20, 20)}, noise(1, 20, 20, 3))])
    with pytest.raises(UserError, match="There is no image to answer"):
        TASK.score([])
    with pytest.raises(UserError, match="does not take the options None"):
        task_named("super_resolution")


@pytest.mark.tensorflow
def test_a_sheet_shows_the_part_that_bicubic_finds_hardest():
    truth = np.full((130, 140, 3), 128, "uint8")
    truth[30:90, 41:101] = noise(60, 60, 3)
    small, _ = TASK.whole_example(truth)
    drawn = TASK.drawn(small, truth, {"image": truth / 1.0})
    assert [name.split()[0] for name in drawn] == ["small", "bicubic", "answer", "truth"]
    assert {each.shape for each in drawn.values()} == {(96, 96, 3)}
    part = drawn["truth"]
    assert (part != 128).any(-1).sum() > 3550  # the whole noise, at an even place
    np.testing.assert_array_equal(drawn["small"][::2, ::2], drawn["small"][1::2, 1::2])
    decibels = [float(name.split()[1]) for name in drawn if name.endswith("dB")]
    assert decibels[0] < 30 < decibels[1]
    tiny_truth = noise(40, 30, 1)
    drawn = TASK.drawn(bicubic(tiny_truth, 0.5), tiny_truth, {"image": tiny_truth})
    assert {each.shape for each in drawn.values()} == {(40, 30, 1)}


def test_bicubic_is_scored_beside_a_model():
    small, truth = TASK.whole_example(noise(40, 36, 3))
    (answer,) = TASK.baselines.values()
    np.testing.assert_array_equal(answer(small[None])["image"][0], bicubic(small, 2))
