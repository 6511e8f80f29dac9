"""The task of inpainting."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import example_keys
from keras_vit.errors import UserError
from keras_vit.images.holes import colours, missing_in, with_alpha
from keras_vit.models import ViTConfig
from keras_vit.tasks import deploy, inpainter, inpainting, task_named
from keras_vit.tasks.restore_score import RestorationScore, psnr
from keras_vit.tasks.simple_fills import mean_fill, telea_fill

RNG = np.random.default_rng(0)
TASK = inpainting()
MISSING = np.zeros((2, 16, 16), bool)
MISSING[0, 4:9, 3:12], MISSING[1, 10:, :5] = True, True


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype="uint8")


@pytest.fixture(scope="module")
def deployed():
    size = dict(image_size=16, patch_size=4, width=8, depth=1, mlp_dim=8, num_heads=2)
    decoder = dict(decoder_width=8, decoder_depth=1, decoder_heads=2)
    return deploy(TASK.deploy(inpainter(ViTConfig(**size), **decoder)))


@pytest.mark.tensorflow
def test_an_export_makes_the_task_again(deployed):
    assert deployed.task == "inpainting" and deployed.shapes == {"image": (None, 16, 16, 3)}
    again = task_named(deployed.task, (), deployed.options)
    assert again.alpha and not again.options and again.whole_example is None


@pytest.mark.tensorflow
def test_examples_are_images_with_holes(deployed):
    keys = example_keys(0, tf.range(2, dtype=tf.int64))
    images, truth = map(np.asarray, TASK.example({"image": noise(2, 16, 16, 3), "key": keys}))
    assert images.shape == truth.shape == (2, 16, 16, 4)
    answers = deployed.predict_on_batch(images)["image"]
    known = ~missing_in(truth)
    np.testing.assert_array_equal(answers[known], truth[known][:, :3])
    assert answers.min() >= 0 and answers.max() <= 255


@pytest.mark.tensorflow
@pytest.mark.parametrize("shape", [(40, 27, 3), (9, 20, 3), (40, 27, 1)])
def test_a_picture_of_any_size_is_filled(deployed, shape):
    picture, missing = noise(*shape), np.zeros(shape[:2], bool)
    missing[2:6, 3:9] = True
    filled = TASK.whole(deployed.predict_on_batch, (16, 16, 4), with_alpha(picture, missing))
    filled = filled["image"]
    assert filled.shape == shape and filled.dtype == np.uint8
    np.testing.assert_array_equal(filled[~missing], picture[~missing])
    assert (filled != picture).any()


def test_only_missing_pixels_are_scored():
    true, answers = noise(2, 16, 16, 3), noise(2, 16, 16, 3)
    result = TASK.score([({"image": answers / 1.0}, with_alpha(true, MISSING))])
    expected = RestorationScore.of_holes(zip(true, answers, MISSING, strict=True))
    assert result.figures == expected.figures and result.count == 2
    assert result.headline[0] == "psnr"
    assert result.figures["psnr_rgb"] == pytest.approx(
        np.mean([psnr(*(each[i][MISSING[i]] for each in (true, answers))) for i in range(2)])
    )
    spoilt = np.where(MISSING[..., None], answers, 0)
    again = TASK.score([({"image": spoilt}, with_alpha(true, MISSING))])
    assert again.figures["psnr"] == result.figures["psnr"]
    sets = result.figures_of(np.array([[1, 1], [2, 0]]))
    np.testing.assert_allclose(sets["psnr"], [result.figures["psnr"], result.each[0]])


@pytest.mark.tensorflow
def test_loss_and_metric_by_hand():
    true = noise(2, 16, 16, 3).clip(10, 240)
    answers = true + np.float32([3, -6])[:, None, None, None] + 9 * ~MISSING[..., None]
    truth = with_alpha(true, MISSING)
    counts = MISSING.sum((1, 2))
    assert float(TASK.loss()(truth, answers)) == pytest.approx(counts @ [3, 6] / counts.sum())
    (metric,) = TASK.metrics()
    metric.update_state(truth, answers)
    decibels = [20 * np.log10(255 / error) for error in (3, 6)]
    assert float(metric.result()) == pytest.approx(np.mean(decibels), abs=1e-4)
    assert metric.name == "psnr_rgb"


def test_answers_and_truths_are_drawn():
    image = with_alpha(noise(16, 16, 3), MISSING[0])
    answers = {"image": noise(16, 16, 3) + 0.3}
    (name, drawn), *_ = TASK.show(image, answers).items()
    assert name == "filled" and drawn.size == (16, 16) and drawn.mode == "RGB"
    assert TASK.words(answers) == [{"name": "16 x 16 pixels"}]
    assert TASK.show(image, {"image": noise(8, 6, 1)})["filled"].mode == "L"
    outlined = TASK.picture(image, image)
    assert (outlined[4, 3:12] == 255).all()
    np.testing.assert_array_equal(outlined[6, 6], image[6, 6, :3])
    assert TASK.picture(image, with_alpha(noise(16, 16, 1), MISSING[0])).shape == (16, 16, 3)


def test_simple_ways_to_fill_beside_it():
    assert [*TASK.baselines.values()] == [mean_fill, telea_fill]
    even = with_alpha(np.full((2, 16, 16, 3), [7, 80, 200], "uint8"), MISSING)
    even[MISSING, :3] = 0
    half = with_alpha(noise(2, 16, 16, 1), MISSING)
    for fill in TASK.baselines.values():
        np.testing.assert_allclose(
            fill(even)["image"][MISSING], [[7, 80, 200]] * MISSING.sum(), atol=3
        )
        answer = fill(half)["image"]
        assert answer.shape == (2, 16, 16, 1) and answer.dtype == np.uint8
        np.testing.assert_array_equal(answer[~MISSING], colours(half)[~MISSING])
    mean = colours(half)[0][~MISSING[0]].mean()
    assert np.abs(mean_fill(half)["image"][0][MISSING[0]] - mean).max() <= 0.5


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(UserError, match=r"needs an extra: pip install 'keras-vit\[restore\]'"):
        telea_fill(with_alpha(noise(1, 16, 16, 3), MISSING[:1]))


def test_mistakes_are_one_sentence():
    with pytest.raises(UserError, match="pictures of 1 channel: received 3"):
        TASK.whole(None, (16, 16, 2), noise(20, 20, 4))
    with pytest.raises(UserError, match="answers with `image`: received mask"):
        TASK.score([({"mask": noise(1, 20, 20)}, noise(1, 20, 20, 4))])
    with pytest.raises(UserError, match="There is no image to answer"):
        TASK.score([])
