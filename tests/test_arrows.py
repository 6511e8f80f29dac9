"""The dependency arrows of the package: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {  # from a folder or file of keras_vit to what it may import of keras_vit
    "layers": set(),
    "models": {"layers"},
    "tasks": {"layers", "preprocessing"},
    "checkpoints": {"layers", "models", "preprocessing", "reason", "tasks", "whole_file"},
    "data": {"picture", "preprocessing", "reason"},
    "training": {"gallery", "whole_file"},
    "interpret": {"layers"},
    "export": {
        "artefacts",
        "data",
        "interpret",
        "layers",
        "picture",
        "preprocessing",
        "reason",
        "tasks",
        "whole_file",
    },
    "artefacts": {"picture", "preprocessing", "reason", "tasks", "whole_file"},
    "command_line": set(),
    "picture": set(),
    "preprocessing": set(),
    "reason": set(),
    "gallery": set(),
    "whole_file": set(),
    "commands": {
        "artefacts",
        "checkpoints",
        "command_line",
        "data",
        "export",
        "gallery",
        "preprocessing",
        "serve",
        "tasks",
        "whole_file",
    },
    "serve": {"artefacts", "picture"},
    "cli": {"command_line", "commands"},
}
NO_TENSORFLOW = {
    "layers",
    "models",
    "tasks",
    "checkpoints",
    "interpret",
    "artefacts/compare",
    "command_line",
    "commands",
    "picture",
    "preprocessing",
    "reason",
    "whole_file",
    "cli",
}


def imports(path):
    """Lists the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def files():
    return sorted(path.relative_to(ROOT) for path in (ROOT / "keras_vit").rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in files() if len(path.parts) > 1], ids=str)
def test_no_arrow_points_back(path):
    place = path.with_suffix("").parts[1]
    if place == "__init__":
        assert list(imports(ROOT / path)) == []
        return
    for module in imports(ROOT / path):
        first, *rest = module.split(".")
        assert first != "recipes", f"{path} imports {module}"
        if first == "keras_vit":
            assert rest[0] in ALLOWED[place] | {place}, f"{path} imports {module}"
        if any(str(path.with_suffix("")).startswith(f"keras_vit/{part}") for part in NO_TENSORFLOW):
            assert first != "tensorflow", f"{path} imports {module}"
