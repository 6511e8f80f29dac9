"""Every option of a model in every format: it answers as the model does, or is refused by name."""

import keras
import numpy as np
import pytest
from random_models import random_classifier

from keras_vit.errors import UserError
from keras_vit.export import FORMATS, stage
from keras_vit.export.limits import SAME
from keras_vit.export.litert import VARIANTS
from keras_vit.export.servable import in_float32
from keras_vit.inference import open_artefact

OPTIONS = {
    "image_size": (8, (8, 12), (12, 8)),
    "patch_size": (4, 2),
    "channels": (3, 1, 4),
    "depth": (1, 2),
    "width": (32, 16),
    "num_heads": (2, 1),
    "tokens": ("class", "none", "both", "distillation"),
    "num_registers": (0, 2),
    "position": ("learned", "sincos_2d", "sincos_1d", "none"),
    "prefix_positions": (True, False),
    "patch_bias": (True, False),
    "pre_norm": (False, True),
    "final_norm": (True, False),
    "activation": ("gelu", "gelu_tanh", "quick_gelu", "swiglu"),
    "norm_epsilon": (1e-6, 1e-3),
    "qkv_bias": (True, False),
    "qk_norm": (False, True),
    "layer_scale": (None, 0.1),
    "locality": (False, True),
    "stem": ("linear", "spt", "conv", "cct", "t2t", "resnet"),
    "pool": ("class_token", "mean", "attention", "sequence"),
    "pre_logits": (None, 16),
    "distillation_head": (False, True),
    "policy": ("float32", "mixed_bfloat16", "mixed_float16", "float16", "bfloat16", "float64"),
    "dynamic_batch": (False, True),
}
TOKENS = {
    "class": (True, False),
    "none": (False, False),
    "both": (True, True),
    "distillation": (False, True),
}


ROWS = max(map(len, OPTIONS.values()))  # so many models hold every value of every option


def rows():
    """Lists combinations that hold every value of every option."""
    rng = np.random.default_rng(0)
    columns = [
        [values[index % len(values)] for index in rng.permutation(ROWS)]
        for values in OPTIONS.values()
    ]
    return [dict(zip(OPTIONS, row, strict=True)) for row in zip(*columns, strict=True)]


def build(row):
    row = {name: value for name, value in row.items() if name != "dynamic_batch"}
    tokens = "both" if row["distillation_head"] else row["tokens"]
    row["class_token"], row["distillation_token"] = TOKENS[tokens]
    if row["pool"] == "class_token" and not row["class_token"]:
        row["pool"] = "mean"
    if row["stem"] in ("t2t", "resnet"):
        row["patch_size"] = 4
    del row["tokens"]
    keras.config.set_dtype_policy(row.pop("policy"))
    try:
        return random_classifier(**row)
    finally:
        keras.config.set_dtype_policy("float32")


def formats_of(index):
    """Lists SavedModel and LiteRT, and half of the other formats in turns."""
    always = ("savedmodel", "tflite")
    others = [name for name in FORMATS if name not in always]
    return *always, *others[index % 2 :: 2]


@pytest.mark.slow
@pytest.mark.parametrize("index", range(ROWS))
def test_every_option_in_every_format(tmp_path, index, request, monkeypatch):
    if index == 0:
        request.getfixturevalue("processes")
    else:  # what the check of exports does is done below, for every file
        monkeypatch.setattr("keras_vit.export.version_folder.check_exports", lambda *_: None)
    row = rows()[index]
    model = build(row)
    rng = np.random.default_rng(index)
    images = rng.integers(0, 256, (6, *model.input_shape[1:])).astype("uint8")
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(in_float32(model)(images)))
    failures, options = {}, dict(calibration=images, dynamic_batch=row["dynamic_batch"])
    to = formats_of(index)
    with stage(model, tmp_path, to=to, failures=failures, **options) as staged:
        pass
    for name, error in failures.items():  # refused by name, before it is a version
        assert isinstance(error, UserError), (row, name, error)
    refused = {name for name in to if name in VARIANTS and VARIANTS[name].is_whole}
    refused = refused if row["dynamic_batch"] else set()
    assert set(failures) == refused, (row, failures)
    for name, path in staged.paths.items():
        artefact = open_artefact(path)
        assert artefact.class_names is None  # the classifier was given none
        answers = artefact.predict(images)
        bound = SAME if FORMATS[name].largest_loss is None else 0.2
        assert np.abs(answers - expected).max() < bound, (row, name)
