"""The same model on another Keras backend."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier

OPTIONS = [
    dict(pool="class_token", position="learned", num_registers=2, distillation_token=True),
    dict(pool="mean", position="sincos_2d", layer_scale=0.1, activation="gelu_tanh"),
    dict(pool="attention", position="sincos_1d", qk_norm=True, class_token=False),
]

SCRIPT = """
    import sys
    import keras
    import numpy as np
    import keras_vit.tasks

    assert keras.backend.backend() == "jax"
    folder = sys.argv[1]
    images = np.load(f"{folder}/images.npy")
    for path in sys.argv[2:]:
        model = keras.saving.load_model(path)
        np.save(path + ".npy", keras.ops.convert_to_numpy(model(images)))
    assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_jax_gives_the_same_logits(tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed (extra [jax])")
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 8, 3)).astype("uint8")
    np.save(tmp_path / "images.npy", images)
    models = {}
    for index, options in enumerate(OPTIONS):
        options = dict(options)
        pool = options.pop("pool")
        backbone = vit("mu/4", image_size=(16, 8), depth=2, **options)
        path = tmp_path / f"{index}.keras"
        models[str(path)] = classifier(backbone, 5, pool=pool)
        save_keras(models[str(path)], path)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), *models],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    for path, model in models.items():
        np.testing.assert_allclose(np.load(path + ".npy"), model(images), atol=1e-5)
