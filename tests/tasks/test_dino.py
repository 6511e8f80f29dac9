"""DINO: centring, sharpening, the loss between views, and the teacher."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_vit.errors import UserError
from keras_vit.images.view_sheet import ViewSheet
from keras_vit.models import ViTConfig
from keras_vit.tasks import deploy, dino, self_distilled_views, sketched_views
from keras_vit.tasks.dino_head import Prototypes
from keras_vit.tasks.dino_loss import DinoLoss
from keras_vit.tasks.self_taught import averaged
from keras_vit.tasks.sharpen import Sharpen
from keras_vit.tasks.spread import spread_of
from keras_vit.training import training_model

RNG = np.random.default_rng(0)
SHEET = ViewSheet(size=8, count=2, small_size=4, small_count=1)
CONFIG = ViTConfig.of("mu/2", image_size=8, class_token=False)
SIZES = dict(prototypes=6, hidden=8, bottleneck=5)
SHEETS = RNG.integers(0, 256, (4, 8, SHEET.width, 3)).astype("float32")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return self_distilled_views(CONFIG, SHEET, **SIZES)


def test_the_centre_follows_the_mean_and_is_taken_from_the_next_answers():
    layer, centre = Sharpen(momentum=0.8, temperature=0.5), np.zeros(3)
    for _ in range(3):
        logits = RNG.normal(2, 1, size=(5, 2, 3)).astype("float32")
        found = numpy(layer(logits, training=True))
        np.testing.assert_allclose(found, softmax((logits - centre) / 0.5), rtol=1e-4)
        centre = 0.8 * centre + 0.2 * logits.mean((0, 1))
        np.testing.assert_allclose(numpy(layer.centre), centre, rtol=1e-5)
    layer(logits)  # elsewhere than in training, the centre stays
    np.testing.assert_allclose(numpy(layer.centre), centre, rtol=1e-5)


def test_a_lower_temperature_sharpens():
    logits = np.array([[[1.0, 2.0, 4.0]]])
    warm, cold = (numpy(Sharpen(temperature=t)(logits))[0, 0] for t in (1.0, 0.1))
    np.testing.assert_allclose(warm, softmax(logits)[0, 0], rtol=1e-5)
    assert cold[2] > 0.999 > warm[2]


def test_the_loss_is_between_different_views():
    student, teacher = RNG.normal(size=(2, 3, 4)), softmax(RNG.normal(size=(2, 2, 4)))
    logs = np.log(softmax(student / 0.1))
    pairs = [(0, 1), (0, 2), (1, 0), (1, 2)]  # a view of the teacher and one of the student
    expected = np.mean([-(teacher[:, t] * logs[:, s]).sum(-1) for t, s in pairs], axis=0)
    outputs = np.concatenate([student, teacher], axis=1).astype("float32")
    np.testing.assert_allclose(numpy(DinoLoss().call(None, outputs)), expected, rtol=1e-4)


@pytest.mark.tensorflow
def test_prototypes_have_length_one_and_begin_to_learn_when_they_are_opened():
    layer, x = Prototypes(3, frozen=True), tf.constant(RNG.normal(size=(2, 4)).astype("float32"))

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        return numpy(tape.gradient(loss, layer.directions.value))

    expected = numpy(layer(x))
    kernel = numpy(layer.directions)
    np.testing.assert_allclose(expected, x @ (kernel / np.linalg.norm(kernel, axis=0)), rtol=1e-4)
    assert not gradient().any()
    layer.open.assign(1.0)
    assert gradient().any()
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=1e-6)
    layer = Prototypes(3)
    layer.build(x.shape)
    assert gradient().any()  # from the first step


@pytest.mark.tensorflow
def test_the_teacher_begins_as_the_student_and_gets_no_gradient(model):
    pairs = averaged(model)
    assert len(pairs) == len(model.trainable_weights)
    for teacher, student in pairs:
        np.testing.assert_array_equal(numpy(teacher), numpy(student))
    teacher = [pair[0].value for pair in pairs]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(teacher)
        loss = tf.reduce_sum(DinoLoss().call(None, model(SHEETS, training=True)))
    assert tape.gradient(loss, teacher) == [None] * len(teacher)


@pytest.mark.tensorflow
def test_the_teacher_is_the_average_of_the_students_in_numpy(model):
    steps, momentum = 4, 0.6
    task = dino(SHEET, prototypes=6, steps=steps, momentum=momentum, temperatures=(0.04, 0.08),
                warmup_steps=2, frozen_steps=3)  # fmt: skip
    trained = training_model(model)
    trained.compile(keras.optimizers.SGD(0.5), task.loss(), after_update=task.after_update)
    expected = [numpy(teacher) for teacher, _ in averaged(model)]
    data = tf.data.Dataset.from_tensors((SHEETS, np.zeros(4))).repeat()
    temperatures, opened = [], []
    for step in range(steps):
        trained.fit(data, steps_per_epoch=1, verbose=0, shuffle=False)
        m = 1 - (1 - momentum) * (np.cos(np.pi * step / steps) + 1) / 2
        pairs = zip(expected, averaged(model), strict=True)
        expected = [m * old + (1 - m) * numpy(student) for old, (_, student) in pairs]
        temperatures.append(float(model.get_layer("sharpen").temperature))
        opened.append(float(model.get_layer("prototypes").open))
    for value, (teacher, _) in zip(expected, averaged(model), strict=True):
        np.testing.assert_allclose(numpy(teacher), value, atol=1e-6)
    assert any(np.abs(numpy(t) - numpy(s)).max() > 1e-3 for t, s in averaged(model))
    np.testing.assert_allclose(temperatures, [0.06, 0.08, 0.08, 0.08], rtol=1e-5)
    assert opened == [0, 0, 1, 1]


def test_the_teacher_is_deployed_and_not_the_student(model):
    deployed = deploy(dino(SHEET, prototypes=6, steps=1).deploy(model))
    assert deployed.task == "embedding" and deployed.shapes == {"features": (None, 32)}
    images = RNG.integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    before = deployed.predict(images)["features"]
    kernel = model.get_layer("embed").projection.kernel
    kernel.assign(ops.flip(kernel, axis=0))
    np.testing.assert_array_equal(deployed.predict(images)["features"], before)
    kernel = model.get_layer("teacher").get_layer("embed").projection.kernel
    kernel.assign(ops.flip(kernel, axis=0))
    assert np.abs(deployed.predict(images)["features"] - before).max() > 1e-3


def test_a_run_is_scored_by_its_features_and_an_export_by_those_of_its_model():
    task = dino(SHEET, prototypes=6, steps=1)
    features = RNG.normal(size=(8, 5))
    run = task.score([({"features": part}, SHEETS) for part in (features[:4], features[4:])])
    assert run.figures == spread_of(features) and run.count == 8 and task.truth_is_answered
    # Another order has the same spread and rank, but is wrong.
    pairs = [({"features": x}, {"features": features}) for x in (features, features[::-1])]
    same, wrong = (task.score([pair]).figures["cosine"] for pair in pairs)
    assert same == pytest.approx(1) and wrong < 0.9


def test_each_view_is_embedded_as_it_would_be_alone():
    model = sketched_views(CONFIG, SHEET, width=3, hidden=8, directions=2)
    found = numpy(model(SHEETS))
    head = [model.get_layer(n) for n in ("project0", "project_norm", "project_gelu", "project1")]
    backbone = deploy(dino(SHEET, prototypes=6, steps=1).deploy(model))
    for place, (y, x) in enumerate(SHEET.corners):
        embedded = backbone(SHEETS[:, y : y + 8, x : x + 8])["features"]
        for layer in head:
            embedded = layer(embedded)
        np.testing.assert_allclose(found[:, place, :3], numpy(embedded), atol=1e-5)
    assert found.shape == (4, 3, 5)
    other = SHEETS.copy()
    y, x = SHEET.small_corners[0]
    other[:, y : y + 4, x : x + 4] = 255 - other[:, y : y + 4, x : x + 4]
    changed = np.abs(numpy(model(other)) - found).max((0, 2))
    assert changed[2] > 1e-3 and changed[:2].max() < 1e-6


@pytest.mark.parametrize(
    "changes, sheet, message",
    [
        (dict(window=1), SHEET, "encoded with window=1"),
        (dict(mid_positions=True), SHEET, "encoded with mid_positions=True"),
        ({}, ViewSheet(size=4), "the size of the model's images"),
        ({}, ViewSheet(size=8, small_size=3, small_count=1), "must divide the small views"),
    ],
)
def test_models_that_cannot_embed_the_views_are_refused(changes, sheet, message):
    config = ViTConfig.of("mu/2", image_size=8, class_token=False, **changes)
    with pytest.raises(UserError, match=message):
        sketched_views(config, sheet)
