"""The recipe of a CNN, on digits."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import recipes.cnn
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact
from keras_vit.tasks import deploy, read_keras_file

MODEL = dict(width=32, blocks=2, mean=0.5, std=0.25)


def test_it_is_the_residual_network_of_the_paper():
    """Six blocks of two convolutions and two projections, and the first convolution."""
    model = recipes.cnn.cnn((32, 32, 3), 10, **MODEL)
    kernels = [w.shape for w in model.weights if w.path.endswith("kernel") and len(w.shape) == 4]
    assert len(kernels) == 1 + 3 * 2 * 2 + 2 and kernels[-1] == (3, 3, 128, 128)
    maps = [layer.output.shape[1:] for layer in model.layers if layer.name.endswith("_sum")]
    assert maps == [(32, 32, 32)] * 2 + [(16, 16, 64)] * 2 + [(8, 8, 128)] * 2


def test_an_answer_depends_on_its_image_alone():
    model = recipes.cnn.cnn((8, 8, 3), 10, **MODEL)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype("float32")
    alone, beside = (np.asarray(model(each, training=True)) for each in (images[:1], images))
    np.testing.assert_allclose(alone, beside[:1], atol=1e-4)


@pytest.mark.parametrize("wrong", [dict(width=12), dict(blocks=0), dict(folds=3)])
def test_flags_out_of_range_are_one_sentence(wrong):
    with pytest.raises(UserError, match="`width` must be a mul|`blocks` must be at least 1"):
        dataclasses.replace(recipes.cnn.SMOKE[0], **wrong).check()


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.cnn.SMOKE)
def test_a_cnn_trains_exports_and_compares(config, tmp_path):
    places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"), xla="off")
    rows = recipes.cnn.run(dataclasses.replace(config, **places))
    names = [Path(row.artefact).name for row in rows]
    assert names[1:] == ["1", "1.tflite"] and all(row.difference < 1e-5 for row in rows)
    model = read_keras_file(Path(rows[0].artefact))
    assert deploy(model).class_names == [str(digit) for digit in range(10)]
    assert open_artefact(Path(rows[2].artefact)).task == "classification"
