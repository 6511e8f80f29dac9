"""A student whose tokens follow the feature maps of a CNN."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import classifier, guide_of, guided, student_of, token_maps
from keras_vit.tasks.guidance import FollowMaps, guided_blocks
from keras_vit.training import training_model

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 8, 8, 3)).astype("float32")
LABELS = np.eye(3, dtype="float32")[[0, 1, 2, 0]]


def cnn(*, strides=(2, 2), squeeze=False, channels=3):
    inputs = x = keras.Input((8, 8, channels))
    x = keras.layers.Rescaling(1 / 255, name="pixels")(x)
    for index, stride in enumerate(strides):
        x = keras.layers.Conv2D(5 + index, 3, stride, "same", name=f"stage{index}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{index}")(x)
    x = keras.layers.GlobalAveragePooling2D(keepdims=squeeze)(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def student(depth=3, **options):
    backbone = vit("mu/4", image_size=8, depth=depth, **options)
    return classifier(backbone, 3, class_names=["ape", "bee", "cow"])


def compiled(model, rate=0.1):
    model = training_model(model)
    model.compile(keras.optimizers.SGD(rate), keras.losses.CategoricalCrossentropy(True))
    return model


def test_blocks_are_spread_from_the_first_to_the_last_as_in_the_paper():
    assert guided_blocks(12, 3) == [0, 6, 11]  # its configuration of DeiT-Ti
    assert guided_blocks(6, 3) == [0, 3, 5]
    assert guided_blocks(4, 1) == [3] and guided_blocks(2, 2) == [0, 1]
    with pytest.raises(UserError, match="received 2 blocks and 3 maps"):
        guided_blocks(2, 3)


def test_the_last_map_of_each_size_guides():
    guide = guide_of(cnn(squeeze=True))
    assert guide.map_shapes == [(4, 4, 5), (2, 2, 6)] and guide.image_shape == (8, 8, 3)
    model = cnn()
    expected = keras.Model(model.input, model.get_layer("norm1").output)(IMAGES, training=False)
    np.testing.assert_array_equal(guide_of(model).maps(IMAGES)[1], expected)
    assert guide_of(model, ["stage1"]).map_shapes == [(2, 2, 6)]
    with pytest.raises(UserError, match="stage0, norm0, stage1, norm1: received pixels"):
        guide_of(model, ["pixels"])
    with pytest.raises(UserError, match="must be different: received stage1, stage1"):
        guide_of(model, ["stage1", "stage1"])
    with pytest.raises(UserError, match="outside of nested models: classifier has none"):
        guide_of(student())
    nested = keras.Sequential([keras.Input((8, 8, 3)), model])
    with pytest.raises(UserError, match="outside of nested models: sequential.* has none"):
        guide_of(nested)


def test_padded_maps_and_normed_pixels_are_no_stages():
    pad = keras.layers.ZeroPadding2D()
    convolutions = [keras.layers.Conv2D(4, 3, 2, "same"), pad, keras.layers.Conv2D(5, 3, 2)]
    pixels = keras.layers.Normalization(mean=127.0, variance=9.0)
    guide = guide_of(keras.Sequential([keras.Input((8, 8, 3)), pixels, *convolutions]))
    assert guide.map_shapes == [(4, 4, 4), (2, 2, 5)]
    assert [each.shape for each in guide.maps(IMAGES)] == [(4, 4, 4, 4), (4, 2, 2, 5)]


def test_the_loss_is_the_sum_of_the_mean_squared_errors_at_the_larger_size():
    layer = FollowMaps(2.0)
    one, other = np.zeros((2, 2, 2, 3)), np.ones((2, 2, 2, 3))
    other[0, 0, 0, 0] = 3  # (23 * 1 + 9) / 24
    row = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)  # enlarged to 0, 1, 3, 4
    answers = layer(np.eye(2), [one, row], [other, np.zeros((1, 1, 4, 1))])
    np.testing.assert_array_equal(answers, np.eye(2))
    np.testing.assert_allclose(layer.losses[0], 2 * (32 / 24 + (1 + 9 + 16) / 4), rtol=1e-6)


def test_tokens_are_projected_to_the_maps_of_the_guide():
    plain, guide = student(), guide_of(cnn())
    model = guided(plain, guide, weight=3.0)
    np.testing.assert_allclose(model(IMAGES), plain(IMAGES), atol=1e-6)
    tokens = token_maps(plain, ["block00", "block02"])(IMAGES)
    maps = [ops.convert_to_numpy(each) for each in guide.maps(IMAGES)]
    own = [ops.convert_to_numpy(model.get_layer(f"guided_{n}")(x)) for n, x in tokens.items()]
    own[0] = ops.convert_to_numpy(ops.image.resize(own[0], (4, 4)))
    expected = 3 * sum(np.mean((a - b) ** 2) for a, b in zip(own, maps, strict=True))
    np.testing.assert_allclose(model.losses[0], expected, rtol=1e-4)


def test_only_the_student_is_deployed_and_the_guide_stays_as_it_is():
    network = cnn()
    before = network.get_weights()
    plain = student()
    start = ops.convert_to_numpy(plain.get_layer("head").kernel)
    model = compiled(guided(plain, guide_of(network)))
    assert {w.path for w in model.weights} - {w.path for w in plain.weights} == {
        f"guided_{block}/{name}" for block in ("block00", "block02") for name in ("kernel", "bias")
    }
    model.fit(IMAGES, LABELS, batch_size=4, verbose=0)
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(ops.convert_to_numpy(plain.get_layer("head").kernel) - start).max() > 0
    delivered = student_of(model)
    assert {w.path for w in delivered.weights} == {w.path for w in plain.weights}
    assert not delivered.losses


def test_a_student_learns_its_guides_maps_by_heart():
    """From images whose labels say nothing."""
    model = training_model(guided(student(), guide_of(cnn()), weight=10.0))
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.CategoricalCrossentropy(True))
    targets = np.full((4, 3), 1 / 3)
    losses = model.fit(IMAGES, targets, batch_size=4, epochs=25, verbose=0).history["loss"]
    least = np.log(3)  # of such labels
    assert losses[-1] - least < 0.1 * (losses[0] - least)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_xla_compiles_the_enlarged_maps():
    model = compiled(guided(student(), guide_of(cnn(strides=(1, 2)))))
    model.jit_compile = True
    assert np.isfinite(model.fit(IMAGES, LABELS, batch_size=4, verbose=0).history["loss"]).all()


def test_what_cannot_be_guided_is_refused_in_one_sentence():
    guide = guide_of(cnn())
    for model, how, message in (
        (student(patch_dropout=0.5), {}, "A map needs every patch"),
        (student(1), {}, "received 1 blocks and 2 maps"),
        (student(), dict(weight=0), "must be above 0: received 0"),
        (student(channels=1), {}, "see the student's 1 channels: received 3"),
    ):
        with pytest.raises(UserError, match=message):
            guided(model, guide, **how)
