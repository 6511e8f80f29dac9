"""The dependency arrows of the package: who may import whom."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {  # from a folder or file of keras_vit to what it may import of keras_vit
    "choices": set(),
    "errors": set(),
    "files": set(),
    "host": {"errors"},
    "keras_private": set(),
    "lazy": set(),
    "processor": set(),
    "progress": set(),
    "signals": set(),
    "command_line": {"errors", "signals"},
    "images": {"errors"},
    "losses": {"errors"},
    "layers": {"errors"},
    "models": {"errors", "layers"},
    "tasks": {
        "choices",
        "data",
        "errors",
        "host",
        "images",
        "keras_private",
        "layers",
        "lazy",
        "losses",
        "models",
    },
    "interpret": {"errors", "keras_private", "layers", "tasks"},
    "checkpoints": {"errors", "files", "images", "keras_private", "layers", "models", "tasks"},
    "data": {"choices", "errors", "images"},
    "training": {
        "choices",
        "errors",
        "files",
        "images",
        "keras_private",
        "losses",
        "processor",
        "progress",
        "signals",
    },
    "inference": {"errors", "images", "tasks"},
    "evaluation": {"errors", "files", "images", "inference", "progress"},
    "export": {
        "errors",
        "evaluation",
        "files",
        "images",
        "inference",
        "interpret",
        "keras_private",
        "layers",
        "progress",
        "tasks",
    },
    "report": {"errors", "evaluation", "files", "processor"},
    "serve": {"errors", "images", "inference"},
    "run": {
        "checkpoints",
        "choices",
        "command_line",
        "data",
        "errors",
        "evaluation",
        "export",
        "files",
        "images",
        "inference",
        "interpret",
        "lazy",
        "models",
        "progress",
        "report",
        "tasks",
        "training",
    },
    "cli": {
        "checkpoints",
        "command_line",
        "data",
        "errors",
        "evaluation",
        "export",
        "files",
        "images",
        "inference",
        "interpret",
        "progress",
        "report",
        "run",
        "serve",
        "tasks",
    },
}
# What reads a `Task` and knows none by its name.
OF_ANY_TASK = ("data", "evaluation", "export", "report", "serve", "training")
# Masks of TFDS are called `segmentation_mask` and `segmentation_label`.
NAMES_OF_TASKS = re.compile(
    "classif|segmentation(?!_mask|_label)|segmenter|detection|detector|super_resolution",
    re.IGNORECASE,
)
# What is imported only inside of functions, because what imports it must start without it.
LATE = {("tasks", "data")}
NO_TENSORFLOW = {
    "choices",
    "cli",
    "checkpoints",
    "command_line",
    "errors",
    "evaluation",
    "files",
    "images/crop",
    "images/decode",
    "images/picture_files",
    "images/preprocessing",
    "interpret",
    "keras_private",
    "layers",
    "lazy",
    "losses",
    "models",
    "progress",
    "report",
    "signals",
    "tasks",
}

OF_BOTH_BACKENDS = "keras_vit/interpret/gradients.py"  # takes gradients, in TensorFlow or JAX


def imports(path, nodes=ast.walk):
    """Lists the modules that a file imports anywhere in it, or among other nodes of its tree."""
    for node in nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def files():
    return sorted(path.relative_to(ROOT) for path in (ROOT / "keras_vit").rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in files() if len(path.parts) > 1], ids=str)
def test_no_arrow_points_back(path):
    place = path.with_suffix("").parts[1]
    if place == "__init__":  # what it imports lazily, tests/test_package.py sees
        return
    for module in imports(ROOT / path):
        first, *rest = module.split(".")
        assert first != "recipes", f"{path} imports {module}"
        if first == "keras_vit":
            assert rest[0] in ALLOWED[place] | {place}, f"{path} imports {module}"
        is_free = any(str(path.with_suffix("")).startswith(f"keras_vit/{x}") for x in NO_TENSORFLOW)
        if is_free and str(path) != OF_BOTH_BACKENDS:
            assert first != "tensorflow", f"{path} imports {module}"
    for module in imports(ROOT / path, ast.iter_child_nodes):
        assert (place, *module.split(".")[1:2]) not in LATE, f"{path} imports {module} too early"


def words_of(tree):
    """Lists the names and texts of a module's code, without its docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value
        else:
            yield from (value for _, value in ast.iter_fields(node) if isinstance(value, str))


@pytest.mark.parametrize("place", OF_ANY_TASK)
def test_no_task_is_known_by_its_name(place):
    for path in files():
        if path.parts[1] == place:
            named = filter(NAMES_OF_TASKS.search, words_of(ast.parse((ROOT / path).read_text())))
            assert list(named) == [], path


def test_what_names_a_task_is_seen():
    def named(code):
        return list(filter(NAMES_OF_TASKS.search, words_of(ast.parse(code))))

    assert named('"""Of a classifier."""\nx = 1') == []
    for code in (
        'x == "classification"',
        "from keras_vit.tasks import segmentation",
        "import keras_vit.tasks.classify",
        "CLASSIFICATION = 1",
        "f(is_classifier=1)",
        "task.segmenter",
        'f"{x} is no classifier"',
    ):
        assert named(code), code
