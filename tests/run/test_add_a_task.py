"""The page "Add a task": its code trains, exports and is opened again."""

import dataclasses
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from keras_vit.inference import open_artefact

PAGE = Path(__file__).parents[2] / "docs" / "add_a_task.md"


@pytest.fixture
def angle(monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.M)
    size, smaller = "width=48, depth=3, mlp_dim=192, num_heads=3", "width=32, depth=1, mlp_dim=64"
    assert size in code  # a third of it to trace and to export, and it learns as fast
    code = code.replace(size, f"{smaller}, num_heads=2")
    module = types.ModuleType("angle")
    monkeypatch.setitem(sys.modules, "angle", module)
    exec(compile(code, "angle.py", "exec"), module.__dict__)
    return module


@pytest.mark.slow
def test_the_task_of_the_page_is_learned_and_delivered(angle, tmp_path, capsys):
    places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"))
    config = angle.Config(epochs=3, warmup_epochs=1, xla="off", **places)
    rows = angle.run(config)
    assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
    assert all(row.difference < 1e-5 and row.agreement is None for row in rows)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["test_mean_error"] == pytest.approx(rows[0].figures["mean_error"])
    assert results["test_mean_error"] < 75  # degrees; a guess is off by 90
    assert "Test mean error: " in capsys.readouterr().out
    artefact = open_artefact(tmp_path / "exports" / "1.tflite")
    assert artefact.task == "angle"
    answers = artefact.answer(np.zeros((2, 8, 8, 1), "uint8"))
    assert answers["direction"].shape == (2, 2)


def test_its_score_is_the_mean_error_in_degrees(angle):
    truth = np.array([[1.0, 0.0], [0.0, 1.0]])  # 0 and 90 degrees
    answers = {"direction": np.array([[np.cos(-0.1), np.sin(-0.1)], [0.0, 2.0]])}
    result = angle.ANGLE.score([(answers, truth)])
    assert result.headline == ("mean_error", pytest.approx(np.degrees(0.1) / 2))
    better = dataclasses.replace(result, figures={"mean_error": 1.0})
    assert angle.ANGLE.change(better, result) > 0
