"""The recipe of distillation, on digits, from teachers of each kind."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vit
import recipes.cnn
import recipes.distill
from keras_vit.errors import UserError
from keras_vit.export import export
from keras_vit.models import vit
from keras_vit.run.stored_views import flags_of_views
from keras_vit.run.teacher import open_guide, open_teacher
from keras_vit.tasks import classifier, features, segmentation, segmenter

*OF_TEACHERS, GUIDED = recipes.distill.SMOKE
NAMES = [str(digit) for digit in range(10)]
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1)).astype("float32")


@pytest.fixture(scope="module")
def professor():
    """A teacher of larger images."""
    model = classifier(vit("mu/8", image_size=16, channels=1), 10, class_names=NAMES)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return model


@pytest.fixture
def places(tmp_path, professor):
    professor.save(tmp_path / "teacher.keras")
    return dict(
        teacher=str(tmp_path / "teacher.keras"),
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
        xla="off",
    )


def test_teachers_of_each_kind_give_the_same_logits(professor, tmp_path):
    professor.save(tmp_path / "teacher.keras")
    ended = keras.Model(professor.input, keras.layers.Softmax()(professor.output))
    ended.save(tmp_path / "ended.keras")
    (saved_model,) = export(professor, tmp_path, to=("savedmodel",))
    expected = keras.ops.convert_to_numpy(keras.ops.log_softmax(professor(IMAGES)))
    for path in (tmp_path / "teacher.keras", tmp_path / "ended.keras", saved_model, tmp_path):
        teacher = open_teacher(str(path))
        assert teacher.image_shape == (16, 16, 1) and teacher.num_classes == 10
        assert list(teacher.class_names) == NAMES
        found = keras.ops.convert_to_numpy(keras.ops.log_softmax(teacher.answer(IMAGES)))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_teacher_may_compute_in_bfloat16(professor, tmp_path):
    professor.save(tmp_path / "teacher.keras")
    exact, rough = (
        keras.ops.convert_to_numpy(open_teacher(tmp_path / "teacher.keras", each).answer(IMAGES))
        for each in ("float32", "bfloat16")
    )
    assert 1e-4 < np.abs(exact - rough).max() < 0.1


def test_any_classifier_of_keras_teaches(tmp_path):
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    model.save(tmp_path / "cnn.keras")
    teacher = open_teacher(tmp_path / "cnn.keras")
    found = keras.ops.convert_to_numpy(keras.ops.softmax(teacher.answer(IMAGES)))
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(model(IMAGES)), atol=1e-5)


def test_what_does_not_teach_is_refused_in_one_sentence(professor, tmp_path):
    backbone = vit("mu/8", image_size=16, channels=1)
    features(backbone).save(tmp_path / "features.keras")
    segmentation(["a", "b"]).deploy(segmenter(backbone, 2)).save(tmp_path / "masks.keras")
    for name in ("features.keras", "masks.keras"):
        with pytest.raises(UserError):
            open_teacher(tmp_path / name)
    (saved_model,) = export(professor, tmp_path, to=("savedmodel",))
    devices = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with devices.scope(), pytest.raises(UserError, match="one device, a .keras file on sev"):
        open_teacher(saved_model)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(teacher=""), "`teacher` must be given"),
        (dict(class_weights=("balanced",)), "neither `class_weights` nor `folds`"),
        (dict(token=True, pool="mean"), "needs no `pool`: received mean"),
        (dict(guide="cnn.keras"), "A guide needs every patch: pass --patch-dropout 0 --patch-dro"),
        (dict(teacher="a.keras", share=0.0), "A teacher that counts nothing teaches nothing: pass"),
        (dict(teacher="", guide="cnn.keras"), "pass --share 0 and neither --hard nor --token"),
        (dict(store_answers="a", workers="b:1,c:1", worker=0), "to the views of one worker: recei"),
        (dict(guidance=0), "`guidance` must be above 0: received guidance=0"),
        (dict(guide_layers=("a",)), "`guide_layers` are those of a `guide`"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(places, wrong, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(recipes.distill.SMOKE[0], **places | wrong).check()


def test_a_guide_is_a_keras_file_with_maps(professor, tmp_path):
    cnn = recipes.cnn.cnn((8, 8, 1), 10, width=8, blocks=1, mean=0.5, std=0.5)
    cnn.save(tmp_path / "cnn.keras")
    guide = open_guide(tmp_path / "cnn.keras")
    assert guide.map_shapes == [(8, 8, 8), (4, 4, 16), (2, 2, 32)]  # its three stages
    professor.save(tmp_path / "vit.keras")
    (tmp_path / "half.keras").write_bytes(b"PK")
    for name, message in (
        ("vit.keras", "classifier has none"),
        ("1", "A guide is a .keras file"),
        ("half.keras", "half.keras cannot be read as a model: It is no zip archive"),
    ):
        with pytest.raises(UserError, match=message):
            open_guide(tmp_path / name)
    for opener in (open_guide, open_teacher):
        with pytest.raises(FileNotFoundError, match="There is no model at .*gone.keras"):
            opener(tmp_path / "gone.keras")


@pytest.mark.slow
def test_a_guided_student_is_delivered_alone(places, tmp_path):
    cnn = recipes.cnn.cnn((8, 8, 1), 10, width=8, blocks=1, mean=0.5, std=0.5, class_names=NAMES)
    cnn.save(tmp_path / "teacher.keras")
    config = dataclasses.replace(GUIDED, **places, export=False)
    recipes.distill.run(dataclasses.replace(config, teacher="", guide=places["teacher"]))
    model = keras_vit.load(tmp_path / "run" / "best.keras")
    assert not any("guide" in layer.name for layer in model.layers)


def test_what_changes_a_view_is_known_and_what_changes_only_the_student_is_not():
    config = recipes.distill.SMOKE[0]
    for change, is_another in (
        (dict(width=32, learning_rate=1.0, share=1.0, label_smoothing=0.1, epochs=9), False),
        *((each, True) for each in (dict(seed=1), dict(mixup=0.1), dict(flip=False))),
        *((each, True) for each in (dict(erasing=0.1), dict(padding=0), dict(batch_size=16))),
    ):
        other = flags_of_views(dataclasses.replace(config, **change))
        assert (other != flags_of_views(config)) == is_another


@pytest.mark.slow
def test_stored_answers_are_learned_from_again_without_the_teacher(places, tmp_path, monkeypatch):
    fewer = dict(export=False, epochs=1, picture_epochs=0)
    config = dataclasses.replace(OF_TEACHERS[1], **places | fewer)
    config = dataclasses.replace(config, store_answers=str(tmp_path / "answers"))
    recipes.distill.run(config)
    monkeypatch.setattr("keras_vit.run.teacher.open_teacher", None)
    recipes.distill.run(dataclasses.replace(config, run_dir=str(tmp_path / "again")))
    one, other = (keras_vit.load(tmp_path / name / "last.keras") for name in ("run", "again"))
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    with pytest.raises(UserError, match="are those to other views: mixup is 0.5"):
        recipes.distill.run(dataclasses.replace(config, mixup=0.5, run_dir=str(tmp_path / "more")))


@pytest.mark.slow
@pytest.mark.parametrize("config", OF_TEACHERS)
def test_the_student_is_delivered_alone(config, places, tmp_path, capsys):
    places["export"] = not config.token  # exports of a distilled model have tests of their own
    rows = recipes.distill.run(dataclasses.replace(config, **places))
    exports = ["best.keras", "1", "1.tflite"] if places["export"] else []
    assert [Path(row.artefact).name for row in rows] == exports
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    for row in rows:
        assert row.difference < 1e-4
        assert results["test_accuracy"] == pytest.approx(row.figures["accuracy"])
    out = capsys.readouterr().out
    assert "agreement" in out and "Test accuracy: " in out
    model = keras_vit.load(tmp_path / "run" / "best.keras")
    heads = 2 if config.token else 1
    assert sum("head" in layer.name for layer in model.layers) == heads
    assert model.count_params() < 5000 < 10000 < keras_vit.load(places["teacher"]).count_params()
