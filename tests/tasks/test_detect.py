"""The dense detector: a pyramid of maps, and what each of its points answers."""

import keras
import numpy as np
import pytest
from random_models import randomised

from keras_vit.layers import Points
from keras_vit.models import vit
from keras_vit.tasks import detector
from keras_vit.tasks.detect import boxes_and_logits
from keras_vit.tasks.pyramid import feature_pyramid

SIZE = (24, 16)  # 3x2 patches: an odd number of rows, which the coarse map rounds up
IMAGES = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype("uint8")
SHAPES = {4: (6, 4), 8: (3, 2), 16: (2, 1)}
COUNT = 6 * 4 + 3 * 2 + 2 * 1


def backbone(**options):
    return vit("mu/8", image_size=SIZE, num_registers=1, **options)


def test_a_pyramid_has_half_once_and_twice_the_stride():
    maps = feature_pyramid(backbone(), 8)
    assert {stride: x.shape for stride, x in maps.items()} == {
        stride: (None, *shape, 8) for stride, shape in SHAPES.items()
    }


def test_points_are_the_middles_of_what_places_cover():
    maps = np.arange(2 * 2 * 3).reshape(2, 2, 3, 1).astype("float32")
    points = keras.ops.convert_to_numpy(Points(4)(maps))
    assert points.shape == (2, 6, 4)
    np.testing.assert_array_equal(
        points[1],
        [
            [2, 2, 4, 6],
            [6, 2, 4, 7],
            [10, 2, 4, 8],
            [2, 6, 4, 9],
            [6, 6, 4, 10],
            [10, 6, 4, 11],
        ],
    )
    with pytest.raises(ValueError, match="`stride` must be above 0: received 0"):
        Points(0)


def test_distances_in_strides_become_boxes_in_pixels():
    points = np.array([[[12, 20, 8, 0.5, 1, 2, 0.25, -3, 4]]], "float32")
    boxes, logits = boxes_and_logits(points)
    np.testing.assert_array_equal(boxes, [[[8, 12, 28, 22]]])
    np.testing.assert_array_equal(logits, [[[-3, 4]]])


def test_each_point_answers_and_a_file_holds_the_model(tmp_path):
    encoder = backbone()
    model = randomised(detector(encoder, 5, width=8, depth=1))
    assert model.output_shape == (None, COUNT, 7 + 5)
    assert all(layer in model.layers for layer in encoder.layers)  # flat, and its weights shared
    points = keras.ops.convert_to_numpy(model(IMAGES))
    assert [(points[0, :, 2] == stride).sum() for stride in SHAPES] == [24, 6, 2]
    assert (points[..., 3:7] > 0).all()  # a box is always around its point
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), points)


def test_a_new_head_doubts_every_class_and_begins_with_boxes_of_four_strides():
    boxes, logits = boxes_and_logits(detector(backbone(), 3, width=8)(IMAGES))
    boxes, logits = (keras.ops.convert_to_numpy(x) for x in (boxes, logits))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), 0.01, atol=0.002)
    sides = boxes[..., 2:] - boxes[..., :2]
    np.testing.assert_allclose(sides[:, :24], 4 * 4, rtol=0.1)
    np.testing.assert_allclose(sides[:, -2:], 4 * 16, rtol=0.1)


def test_all_levels_have_one_head_and_half_precision_answers_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = detector(backbone(), 5, width=8, depth=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(model(IMAGES).dtype) == "float32"
    heads = [layer for layer in model.layers if layer.name.endswith("_head")]
    assert [layer.count_params() for layer in heads] == [9 * 8 * 4 + 4, 9 * 8 * 5 + 5]


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(num_classes=0), "`num_classes` must be at least 1: received 0"),
        (dict(width=0), "`width` must be at least 1: received 0"),
        (dict(depth=-1), "`depth` must be at least 0: received -1"),
    ],
)
def test_what_cannot_be_is_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        detector(backbone(), **{"num_classes": 5, **options})


def test_a_backbone_without_its_last_norm_is_refused():
    with pytest.raises(ValueError, match="`names` must be some of block00, each once"):
        detector(backbone(final_norm=False), 5)
