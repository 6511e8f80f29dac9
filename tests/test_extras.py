"""Without the extras all else works, and whoever needs one is told which in one line.

Nor does any module need `fcntl`: nothing but POSIX signals ties the package to one system.
"""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_vit"
EXTRAS = (
    "ai_edge_quantizer",
    "cv2",
    "fastapi",
    "faster_coco_eval",
    "onnx",
    "onnxruntime",
    "openvino",
    "prometheus_client",
    "skimage",
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
def test_every_other_module_is_imported_and_a_model_trains_and_is_exported(tmp_path):
    names = [name for name in modules() if name not in SERVING]
    script = f"""
        import importlib
        extras = [name for name, module in sys.modules.items() if module is None]
        sys.modules["fcntl"] = None  # an import of it raises, as on Windows
        for name in {names!r}:
            importlib.import_module(name)
        import numpy as np
        import keras_vit
        from keras_vit.training import adamw, training_model
        model = keras_vit.classifier(keras_vit.vit("mu/4", image_size=8), 2)
        model = training_model(model)
        model.compile(adamw(1e-3, weight_decay=0.0), "sparse_categorical_crossentropy")
        model.fit(np.zeros((4, 8, 8, 3), "uint8"), np.zeros(4, int), batch_size=2, verbose=0)
        keras_vit.export(model, sys.argv[1])
        for name in extras:
            del sys.modules[name]
        for name in {sorted(SERVING)!r}:
            importlib.import_module(name)
    """
    done = without_extras(script, tmp_path / "exports", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == (
        "The SavedModel has no warm-up requests: tensorflow_serving needs an extra: "
        "pip install 'keras-vit[export]'."
    )
    assert {"1", "1.tflite"} <= {path.name for path in (tmp_path / "exports").iterdir()}


@pytest.mark.slow
def test_importing_export_loads_no_extra(tmp_path):
    ours = set(EXTRAS) - {"cv2"}  # Keras itself imports OpenCV where it finds it
    script = f"import sys, keras_vit.export; print(set(sys.modules) & {ours!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr[-2000:]


NEEDS = [
    (
        "export m.keras --to tflite-int8 --data digits --out o",
        "tflite-int8 needs an extra: pip install 'keras-vit[export]'",
    ),
    ("serve {litert}", "needs an extra: pip install 'keras-vit[serve]'"),
    ("predict {onnx} x.png", "onnxruntime needs an extra: pip install 'keras-vit[onnx]'"),
    (
        "client x.png --url grpc://h:1/x",
        "tensorflow_serving needs an extra: pip install 'keras-vit[export]'",
    ),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory, tiny):
    """The status and the words of each command of `NEEDS`, which one process is given in turn."""
    folder = tmp_path_factory.mktemp("needs")
    (folder / "m.onnx").touch()
    (folder / "x.png").touch()
    places = dict(litert=tiny.litert, onnx=folder / "m.onnx")
    commands = [words.format(**places).split() for words, _ in NEEDS]
    script = """
        import contextlib, io, json
        from pathlib import Path
        from keras_vit.cli.main import main

        answers = []
        for words in json.loads(sys.argv[1]):
            sys.argv = ["keras-vit", *words]
            with contextlib.redirect_stderr(io.StringIO()) as said:
                try:
                    status = main()
                except SystemExit as end:
                    status = end.code
            answers.append([status, said.getvalue()])
        Path("answers.json").write_text(json.dumps(answers))
    """
    done = without_extras(script, json.dumps(commands), cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "answers.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(NEEDS)), ids=[words for words, _ in NEEDS])
def test_a_command_that_needs_one_says_so_in_a_line(answers, place):
    status, said = answers[place]
    assert status == 2
    assert NEEDS[place][1] in said.splitlines()[-1], said
    assert "Traceback" not in said
