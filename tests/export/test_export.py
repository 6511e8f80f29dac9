import os
import shutil
import signal
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from forked import Program

from keras_vit.export import export, save_keras, stage, version_folder, versions
from keras_vit.export.litert import VARIANTS, Variant
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import classifier


def probabilities(model, images):
    return keras.ops.convert_to_numpy(keras.ops.softmax(model(images)))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype("uint8")


def test_both_formats_answer_like_the_model_and_know_the_classes(tiny, images):
    # `tiny` was exported without naming the classes: the classifier knows them.
    folder = tiny.saved_model.parent
    assert (tiny.saved_model, tiny.litert) == (folder / "1", folder / "1.tflite")
    for path in (tiny.saved_model, tiny.litert):
        artefact = open_artefact(path)
        assert artefact.class_names == ("nought", "one", "zwölf")
        assert artefact.image_shape == (8, 8, 1)
        np.testing.assert_allclose(
            artefact.predict(images), probabilities(tiny.model, images), atol=1e-6
        )


def test_names_a_client_relies_on(tiny):
    serve = tf.saved_model.load(str(tiny.saved_model)).signatures["serving_default"]
    assert list(serve.structured_input_signature[1]) == ["images"]
    assert sorted(serve.structured_outputs) == ["classes", "probabilities", "scores"]
    signatures = Interpreter(str(tiny.litert)).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["images"], "outputs": ["probabilities"]}}


def test_labels_can_be_read_with_a_plain_unzip(tiny):
    with zipfile.ZipFile(tiny.litert) as archive:
        assert archive.read("labels.txt").decode() == "nought\none\nzwölf"


@pytest.mark.slow
def test_exporting_again_makes_the_next_version(tmp_path, tiny_classifier):
    (tmp_path / "notes").mkdir()
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "saved_model.pb").touch()
    for version in (5, 6):
        assert export(tiny_classifier, tmp_path, to="tflite") == (tmp_path / f"{version}.tflite",)
    assert versions(tmp_path) == [4, 5, 6]


def test_one_format_needs_no_list(tmp_path, tiny_classifier):
    with stage(tiny_classifier, tmp_path, to="tflite") as staged:
        assert list(staged.paths) == ["tflite"]
    with stage(tiny_classifier, tmp_path, to=(each for each in ["tflite"])) as staged:
        assert list(staged.paths) == ["tflite"]


def test_two_exports_at_once_get_two_versions(tmp_path, tiny_classifier, monkeypatch):
    both_are_ready = threading.Barrier(2)

    def look_slowly(folder):
        found = versions(folder)
        time.sleep(0.3)  # time enough for the other to publish the same number
        return found

    def publish(staging):
        both_are_ready.wait()
        staging.__exit__(None, None, None)

    monkeypatch.setattr(version_folder, "versions", look_slowly)
    stagings = [stage(tiny_classifier, tmp_path, to=("tflite",)) for _ in range(2)]
    published = [staging.__enter__() for staging in stagings]
    threads = [threading.Thread(target=publish, args=(staging,)) for staging in stagings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(staged.version for staged in published) == [1, 2]
    for staged in published:
        assert staged.paths == {"tflite": tmp_path / f"{staged.version}.tflite"}
        assert staged.paths["tflite"].exists()


@pytest.mark.slow
def test_what_is_rejected_is_put_aside(tmp_path, tiny_classifier):
    with stage(tiny_classifier, tmp_path) as staged:
        staged.rejected.add("savedmodel")
    assert staged.paths["savedmodel"] == tmp_path / "1.rejected"
    assert staged.paths["tflite"] == tmp_path / "1.tflite"
    assert export(tiny_classifier, tmp_path, to="tflite") == (tmp_path / "2.tflite",)


def test_names_of_a_distilled_classifier_are_exported(tmp_path):
    backbone = vit("mu/4", image_size=8, distillation_token=True)
    model = classifier(backbone, 2, distillation_head=True, class_names=["cat", "dog"])
    (path,) = export(model, tmp_path, to=("tflite",))
    assert open_artefact(path).class_names == ("cat", "dog")


def test_a_failing_export_leaves_nothing(tmp_path, tiny_classifier, monkeypatch):
    def fail(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setitem(VARIANTS, "tflite-int8", Variant("", fail))
    with pytest.raises(OSError, match="No space left"):
        export(tiny_classifier, tmp_path, to=("tflite", "tflite-int8"))
    assert [path for path in tmp_path.iterdir() if path.name != ".lock"] == []


@pytest.mark.slow
def test_a_killed_export_leaves_the_version_before_and_disturbs_no_later_one(
    tmp_path, tiny, images
):
    folder = tmp_path / "exports"
    shutil.copytree(tiny.saved_model.parent, folder)
    script = f"""
        import os, signal
        import keras
        import keras_vit.tasks
        from keras_vit.export import export
        model = keras.saving.load_model({str(tiny.keras_file)!r})
        rename = os.rename
        def rename_one(old, new):
            rename(old, new)
            os.kill(os.getpid(), signal.SIGKILL)
        os.rename = rename_one
        export(model, {str(folder)!r})
    """
    (tmp_path / "killed.py").write_text(textwrap.dedent(script))
    killed = Program(tmp_path / "killed.py").wait()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (folder / "2").exists() and (folder / "2.tflite").exists()
    np.testing.assert_allclose(  # what served serves on
        open_artefact(folder).predict(images), probabilities(tiny.model, images), atol=1e-6
    )
    assert len(list(folder.glob(".export-*"))) == 1
    assert export(tiny.model, folder, to="tflite") == (folder / "3.tflite",)
    assert list(folder.glob(".export-*")) == []


@pytest.mark.parametrize(
    "names, message",
    [
        (["a\nb", "c", "d"], r"must be one line: received 'a\\nb'"),
        (["a\n", "c", "d"], r"must be one line: received 'a\\n'"),
        (["a\r", "c", "d"], r"must be one line: received 'a\\r'"),
        (["a", "b"], "received 2 names for 3 classes"),
        ([], "received 0 names for 3 classes"),
    ],
)
def test_wrong_class_names_are_refused(tmp_path, tiny_classifier, names, message):
    with pytest.raises(ValueError, match=message):
        export(tiny_classifier, tmp_path, class_names=names)
    assert [path for path in tmp_path.iterdir() if path.name != ".lock"] == []


def test_a_model_without_a_head_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"one number per class, \(B, K\): 'vit' gives \(None, 5, 32\)"
    ):
        export(vit("mu/4", image_size=8), tmp_path)


def test_a_folder_that_takes_no_version_is_refused_before_the_work(tmp_path, tiny_classifier):
    with pytest.raises(ValueError, match="loads no model from a path with"):
        export(tiny_classifier, tmp_path / "[x]")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file must be a folder: it is a file"):
        export(tiny_classifier, tmp_path / "file")


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\\b", "a\nb"])
def test_a_name_that_no_configuration_holds_is_refused(tmp_path, tiny_classifier, name):
    with pytest.raises(ValueError, match="A path that is served holds no quotation mark"):
        export(tiny_classifier, tmp_path / name)


def test_a_keras_file_is_replaced_whole_or_not_at_all(tmp_path, tiny_classifier, monkeypatch):
    path = tmp_path / "new" / "model.keras"
    save_keras(tiny_classifier, path)
    before = path.read_bytes()

    def half(self, file):
        Path(file).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(keras.Model, "save", half)
    with pytest.raises(OSError, match="No space left"):
        save_keras(tiny_classifier, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.keras"]


@pytest.mark.parametrize(
    "policy, to",
    [
        ("mixed_bfloat16", "tflite"),
        pytest.param("mixed_bfloat16", "savedmodel", marks=pytest.mark.slow),
        pytest.param("mixed_float16", "savedmodel", marks=pytest.mark.slow),
    ],
)
def test_a_model_trained_in_mixed_precision_is_exported_in_float32(tmp_path, images, policy, to):
    keras.config.set_dtype_policy(policy)
    try:
        model = classifier(vit("mu/4", image_size=8, channels=1), 3)
    finally:
        keras.config.set_dtype_policy("float32")
    in_float32 = classifier(vit("mu/4", image_size=8, channels=1), 3)
    in_float32.set_weights(model.get_weights())
    (path,) = export(model, tmp_path, to=(to,))
    np.testing.assert_allclose(
        open_artefact(path).predict(images), probabilities(in_float32, images), atol=1e-6
    )
