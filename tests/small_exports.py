"""Exports of small models, written once for all processes of a run of the tests."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import filelock
import keras
import pytest

from keras_vit.models import vit
from keras_vit.tasks import classifier


def build_tiny_classifier():
    backbone = vit("mu/4", image_size=8, channels=1)
    return classifier(backbone, 3, class_names=["nought", "one", "zwölf"])


def leave_out_the_check_of_exports(monkeypatch):
    name = "keras_vit.export.version_folder.check_exports"
    monkeypatch.setattr(name, lambda model, paths: None)


class Tiny(NamedTuple):
    model: keras.Model
    keras_file: Path
    saved_model: Path
    litert: Path

    @property
    def paths(self):
        return self[1:]


@contextlib.contextmanager
def shared(tmp_path_factory, name):
    """Gives a folder that one process of the tests fills for all of them, and whether to do so."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    full = folder / f"{name}.full"
    with filelock.FileLock(folder / f"{name}.lock"), pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_the_check_of_exports(monkeypatch)
        yield folder / name, not full.exists()
        full.touch()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A classifier like `tiny_classifier` and its three artefacts; to read, not to change."""
    from keras_vit.export import export, save_keras

    keras.utils.set_random_seed(0)  # `fixed_seed` comes later: the same in every process
    model = build_tiny_classifier()
    with shared(tmp_path_factory, "tiny") as (folder, is_empty):
        if is_empty:
            save_keras(model, folder / "tiny.keras")
            export(model, folder / "tiny")
    exports = folder / "tiny"
    return Tiny(model, folder / "tiny.keras", exports / "1", exports / "1.tflite")


@pytest.fixture(scope="session")
def streets(tmp_path_factory):
    """A `.tflite` file of a segmentation of 16x24 pictures into three named classes."""
    from random_models import randomised

    from keras_vit.export import export
    from keras_vit.tasks import segmentation, segmenter

    with shared(tmp_path_factory, "streets") as (folder, is_empty):
        if is_empty:
            keras.utils.set_random_seed(0)
            task = segmentation(("road", "sky", "tree"), void=255, size=(16, 24))
            model = task.deploy(randomised(segmenter(vit("mu/8", image_size=16), 3)))
            export(model, folder / "streets", to=("tflite",))
    return folder / "streets" / "1.tflite"


@pytest.fixture(scope="session")
def cats(tmp_path_factory):
    """A `.tflite` file of a detector of squashed pictures, 16x24, that sees cats everywhere."""
    from random_models import randomised

    from keras_vit.export import export
    from keras_vit.images.preprocessing import Preprocessing
    from keras_vit.tasks import detection, detector

    with shared(tmp_path_factory, "cats") as (folder, is_empty):
        if is_empty:
            keras.utils.set_random_seed(0)
            trained = randomised(detector(vit("mu/8", image_size=(16, 24)), 2, width=8, depth=0))
            trained.get_layer("class_head").bias.assign([1.0, -4.0])
            deployed = detection(("cat", "dog")).deploy(trained)
            squashed = Preprocessing(fit="squash")
            export(deployed, folder / "cats", to=("tflite",), preprocessing=squashed)
    return folder / "cats" / "1.tflite"


@pytest.fixture(scope="session")
def doubler(tmp_path_factory):
    """A `.tflite` file of a model that enlarges pictures twice, in tiles of 16x16 pixels."""
    from random_models import randomised

    from keras_vit.export import export
    from keras_vit.images.preprocessing import Preprocessing
    from keras_vit.models import ViTConfig
    from keras_vit.tasks import enlarger, super_resolution

    blocks = dict(width=8, depth=1, mlp_dim=8, num_heads=2, class_token=False, position="none")
    with shared(tmp_path_factory, "doubler") as (folder, is_empty):
        if is_empty:
            keras.utils.set_random_seed(0)
            trained = enlarger(ViTConfig(image_size=16, patch_size=1, window=8, **blocks), scale=2)
            deployed = super_resolution(2).deploy(randomised(trained))
            kept = Preprocessing(fit="keep")
            export(deployed, folder / "doubler", to=("tflite",), preprocessing=kept)
    return folder / "doubler" / "1.tflite"
