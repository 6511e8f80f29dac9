"""Recipes that learn from pictures alone open any folder of them."""

import numpy as np
import pytest
from PIL import Image

from recipes.restore import Config


@pytest.mark.parametrize("folders", [("",), ("cat", "dog")])
def test_some_pictures_are_set_apart_whatever_the_folder(tmp_path, folders):
    for index in range(60):
        path = tmp_path / folders[index % len(folders)] / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), index, "uint8")).save(path)
    counts = []
    for flags in ({}, dict(test_fraction=0.5)):
        config = Config(data=str(tmp_path), run_dir="run", export_dir="exports", **flags)
        splits = config.opened().splits
        assert splits["train"].count + splits["test"].count == 60
        counts.append(splits["test"].count)
    assert 0 < counts[0] < 15 < counts[1]
