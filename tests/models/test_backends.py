"""The same model on another Keras backend."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from keras_vit.interpret import attention_rollout
from keras_vit.models import vit
from keras_vit.tasks import classifier

OPTIONS = [
    dict(pool="class_token", position="learned", num_registers=2, distillation_token=True),
    dict(pool="mean", position="sincos_2d", layer_scale=0.1, activation="gelu_tanh", depth=1),
    dict(pool="attention", position="sincos_1d", qk_norm=True, class_token=False, depth=1),
    dict(pool="sequence", stem="t2t", locality=True, class_token=False, depth=1),
    dict(pool="mean", stem="cct", position="none", depth=1),
    dict(pool="mean", stem="resnet", stem_blocks=(1,), depth=1),
]

SCRIPT = """
    import sys
    import keras
    import numpy as np
    import keras_vit
    from keras_vit.interpret import attention_rollout

    assert keras.backend.backend() == sys.argv[1]
    folder = sys.argv[2]
    images = np.load(f"{folder}/images.npy")
    for path in sys.argv[3:]:
        model = keras.saving.load_model(path)
        answers = {"logits": model(images), "maps": attention_rollout(model)(images)}
        np.savez(path + ".npz", **{k: keras.ops.convert_to_numpy(v) for k, v in answers.items()})
    assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow  # a process that compiles each operation
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_gives_the_same_answers(tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 8, 3)).astype("uint8")
    np.save(tmp_path / "images.npy", images)
    models = {}
    for index, options in enumerate(OPTIONS):
        options = dict(options)
        pool = options.pop("pool")
        backbone = vit("mu/4", image_size=(16, 8), **{"depth": 2, **options})
        path = tmp_path / f"{index}.keras"
        models[str(path)] = classifier(backbone, 5, pool=pool)
        models[str(path)].save(path)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), backend, str(tmp_path), *models],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    for path, model in models.items():
        with np.load(path + ".npz") as answers:
            logits = keras.ops.convert_to_numpy(model(images))
            np.testing.assert_allclose(answers["logits"], logits, atol=1e-5)
            maps = keras.ops.convert_to_numpy(attention_rollout(model)(images))
            np.testing.assert_allclose(answers["maps"], maps, atol=1e-5)
