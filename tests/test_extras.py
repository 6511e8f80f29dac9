"""Without the extras all else works, and whoever needs one is told which in one line."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from thinned import thinned

PACKAGE = Path(__file__).parents[1] / "keras_vit"
EXTRAS = (
    "ai_edge_litert",
    "ai_edge_quantizer",
    "fastapi",
    "huggingface_hub",
    "jinja2",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "prometheus_client",
    "sklearn",
    "starlette",
    "tensorflow_serving",
    "tf2onnx",
    "uvicorn",
)
SERVING = {"keras_vit.serve.app", "keras_vit.serve.connections", "keras_vit.serve.limits"}
SERVING |= {"keras_vit.serve.model", "keras_vit.serve.shown"}  # they read the server's limits


def without_extras(script, *arguments, cwd):
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
    code = blocked + textwrap.dedent(script)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.slow
def test_every_other_module_is_imported_and_a_model_trains(tmp_path):
    names = [name for name in modules() if name not in SERVING]
    script = f"""
        import importlib
        for name in {names!r}:
            importlib.import_module(name)
        import numpy as np
        import keras_vit
        from keras_vit.training import adamw, training_model
        model = keras_vit.classifier(keras_vit.vit("mu/4", image_size=8), 2)
        model = training_model(model)
        model.compile(adamw(1e-3, weight_decay=0.0), "sparse_categorical_crossentropy")
        model.fit(np.zeros((4, 8, 8, 3), "uint8"), np.zeros(4, int), batch_size=2, verbose=0)
        model.save(sys.argv[1])
    """
    done = without_extras(script, tmp_path / "model.keras", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_importing_export_loads_no_extra(tmp_path):
    # Keras tries these itself.
    ours = sorted(set(EXTRAS) - {"huggingface_hub", "matplotlib", "sklearn"})
    script = f"import sys, keras_vit.export; print(set(sys.modules) & set({ours!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr[-2000:]


NEEDS = [
    ("predict {litert} x.png", "ai_edge_litert needs an extra: pip install 'keras-vit[export]'"),
    ("serve {litert}", "needs an extra: pip install 'keras-vit[serve]'"),
    ("inspect {litert}", "ai_edge_litert needs an extra: pip install 'keras-vit[export]'"),
    ("predict {onnx} x.png", "onnxruntime needs an extra: pip install 'keras-vit[onnx]'"),
    (
        "client x.png --url grpc://h:1/x",
        "tensorflow_serving needs an extra: pip install 'keras-vit[export]'",
    ),
    (
        "import hf:owner/name --out m.keras",
        "huggingface_hub needs an extra: pip install 'keras-vit[hub]'",
    ),
    ("embed digits --model m --out o.npz", "needs an extra: pip install 'keras-vit[recipes]'"),
]


@pytest.mark.parametrize("case", thinned(NEEDS, fast=2))
def test_a_command_that_needs_one_says_so_in_a_line(tmp_path, tiny, case):
    words, line = case
    (tmp_path / "m.onnx").touch()
    (tmp_path / "x.png").touch()
    words = words.format(litert=tiny.litert, onnx=tmp_path / "m.onnx").split()
    script = "from keras_vit.cli.main import main\nsys.argv[0] = 'keras-vit'\nmain()"
    done = without_extras(script, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr.splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr
