"""A student that learns from a teacher."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import (
    Teacher,
    class_names_of,
    classifier,
    deploy,
    distillation,
    student_of,
    taught,
)
from keras_vit.tasks.teacher_loss import DistillationLoss, accuracy, agreement
from keras_vit.training import training_model

RNG = np.random.default_rng(0)
NAMES = ("ape", "bee", "cow")
IMAGES = RNG.integers(0, 256, (6, 8, 8, 3)).astype("float32")
LABELS = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def build(*, token=True, size=8, **options):
    backbone = vit("mu/4", image_size=size, distillation_token=token, **options)
    return classifier(backbone, 3, distillation_head=token, class_names=NAMES)


def teacher_of(model, names=NAMES):
    answer = functools.partial(model, training=False)
    return Teacher(answer, model.input_shape[1:], model.output_shape[-1], names)


@pytest.fixture
def professor():
    """A teacher whose answers differ from each other."""
    model = build(token=False)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * RNG.normal(size=weight.shape))
    return model


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("hard", [False, True])
def test_the_loss_is_that_of_the_paper(heads, hard):
    outputs = RNG.normal(size=(4, heads + 1, 3)).astype("float32") * 3
    labels = RNG.dirichlet(np.ones(3), 4).astype("float32")
    own, distilled, teacher = outputs[:, 0], outputs[:, heads - 1], outputs[:, -1]
    of_labels = -(labels * log_softmax(own)).sum(-1)
    if hard:
        of_teacher = -log_softmax(distilled)[range(4), teacher.argmax(-1)]
    else:
        soft, student = log_softmax(teacher / 3), log_softmax(distilled / 3)
        of_teacher = 9 * (np.exp(soft) * (soft - student)).sum(-1)
    loss = DistillationLoss(hard=hard, share=0.3, temperature=3.0)
    expected = 0.7 * of_labels + 0.3 * of_teacher
    np.testing.assert_allclose(loss(labels, outputs), expected.mean(), rtol=1e-5)
    targets, heads_alone = np.stack([labels, teacher], axis=1), outputs[:, :-1]
    np.testing.assert_allclose(loss(targets, heads_alone), expected.mean(), rtol=1e-5)
    for metric in (accuracy, agreement):  # the teacher was asked before
        found = numpy(metric(targets, heads_alone))
        np.testing.assert_array_equal(found, numpy(metric(labels, outputs)))


def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn_from_it():
    logits = np.repeat(RNG.normal(size=(4, 1, 3)).astype("float32") * 30, 3, axis=1)
    loss = DistillationLoss(share=1.0, temperature=2.0)
    np.testing.assert_allclose(loss(LABELS[:4], logits), 0, atol=1e-5)
    assert numpy(agreement(LABELS[:4], logits)).tolist() == [1, 1, 1, 1]


def test_accuracy_is_that_of_the_mean_of_both_heads():
    heads = np.array([[[3, 0, 0], [0, 1, 0], [0, 0, 9]], [[1, 0, 0], [0, 3, 0], [0, 9, 0]]], float)
    assert numpy(accuracy(LABELS[:2], heads)).tolist() == [1, 1]
    assert numpy(agreement(LABELS[:2], heads)).tolist() == [0, 1]


@pytest.mark.parametrize("share, still", [(0.0, "distillation_head"), (1.0, "head")])
def test_both_heads_are_trained_apart(professor, share, still):
    model = training_model(taught(build(), teacher_of(professor), NAMES))
    model.compile(keras.optimizers.SGD(1.0), DistillationLoss(share=share))
    before = {weight.path: numpy(weight) for weight in model.trainable_weights}
    model.fit(IMAGES, LABELS, batch_size=6, verbose=0)
    moved = {w.path for w in model.trainable_weights if np.abs(numpy(w) - before[w.path]).max() > 0}
    other = ({"head", "distillation_head"} - {still}).pop()
    assert f"{still}/kernel" not in moved and f"{other}/kernel" in moved


@pytest.mark.parametrize("token", [False, True])
def test_the_teacher_stays_as_it_is_and_is_not_part_of_the_student(professor, token):
    student = build(token=token)
    model = training_model(taught(student, teacher_of(professor), NAMES))
    assert {w.path for w in model.weights} == {w.path for w in student.weights}
    before = [numpy(weight) for weight in professor.weights]
    model.compile(keras.optimizers.SGD(0.1), DistillationLoss())
    model.fit(IMAGES, LABELS, batch_size=3, verbose=0)
    for weight, value in zip(professor.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)


@pytest.mark.parametrize("token", [False, True])
def test_the_student_is_deployed_alone(professor, token, tmp_path):
    student = build(token=token)
    trained = taught(student, teacher_of(professor), NAMES)
    model = distillation(NAMES).deploy(trained)
    assert tuple(class_names_of(model)) == NAMES
    np.testing.assert_allclose(numpy(model(IMAGES)), numpy(student(IMAGES)), atol=1e-6)
    model.save(tmp_path / "student.keras")
    reloaded = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(numpy(reloaded(IMAGES)), numpy(model(IMAGES)))
    answers = deploy(reloaded).predict(IMAGES)
    np.testing.assert_allclose(answers["probabilities"].sum(-1), 1, atol=1e-5)
    assert student_of(trained).output_shape == (None, 3)


def test_a_teacher_of_another_size_and_order_sees_the_same_pixels(professor):
    student = build(size=16)
    plain = np.broadcast_to(IMAGES[:, :1, :1], IMAGES.shape)  # of one colour each
    larger = np.repeat(np.repeat(plain, 2, axis=1), 2, axis=2)
    order = [2, 0, 1]
    names = tuple(NAMES[index] for index in order)  # the teacher's
    trained = taught(student, teacher_of(professor, names), NAMES)
    found = numpy(trained(larger))[:, -1]
    expected = numpy(professor(plain))[:, [names.index(name) for name in NAMES]]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_teacher_of_other_classes_is_refused(professor):
    for names, message in (
        (("ape", "bee", "fox"), "must know the same classes: the teacher lacks cow"),
        (("ape", "ape", "bee"), "the teacher lacks cow"),
        (("ape", "bee", "cow", "fox"), "the student lacks fox"),
    ):
        with pytest.raises(UserError, match=message):
            taught(build(), teacher_of(professor, names), NAMES)
    with pytest.raises(UserError, match="share a name must stand in the same order"):
        taught(build(), teacher_of(professor, ("ape", "cow", "ape")), ("cow", "ape", "ape"))


def test_a_teacher_of_other_channels_or_another_number_of_classes_is_refused():
    grey = classifier(vit("mu/4", image_size=8, channels=1), 3)
    many = classifier(vit("mu/4", image_size=8), 5)
    message = "the student's 3 classes, and see its 3 channels: received one of {} classes and {} c"
    for model, numbers in ((grey, (3, 1)), (many, (5, 3))):
        with pytest.raises(UserError, match=message.format(*numbers)):
            taught(build(), teacher_of(model, ()))


@pytest.mark.tensorflow
@pytest.mark.parametrize("size, compiles", [(8, True), (16, True), (4, False)])
def test_xla_is_left_out_where_pictures_shrink_for_the_teacher(size, compiles):
    """The antialiased resizing has no kernel of XLA for the CPU."""
    teacher = teacher_of(classifier(vit("mu/4", image_size=size), 3))
    model = training_model(taught(build(), teacher, NAMES))
    model.compile(keras.optimizers.SGD(0.1), DistillationLoss())
    assert all(layer.supports_jit for layer in model.layers) == compiles
    if compiles:
        model.jit_compile = True
        losses = model.fit(IMAGES, LABELS, batch_size=6, verbose=0).history["loss"]
        assert np.isfinite(losses).all()


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(share=1.5), r"`share` must lie in \[0, 1\]: received share=1.5"),
        (dict(temperature=0), "`temperature` must be above 0: received 0"),
    ],
)
def test_numbers_out_of_their_range_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        distillation(NAMES, **wrong)


def test_a_student_learns_its_teachers_answers_by_heart(professor):
    """From images whose labels say nothing."""
    model = training_model(taught(build(), teacher_of(professor), NAMES))
    loss = DistillationLoss(share=1.0, temperature=2.0)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=distillation(NAMES).metrics())
    history = model.fit(IMAGES, np.full((6, 3), 1 / 3), batch_size=6, epochs=30, verbose=0).history
    assert history["agreement"][-1] == 1 and history["loss"][-1] < 0.1 * history["loss"][0]
