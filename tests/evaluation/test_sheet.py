"""Sheets of pictures, truths and answers."""

import numpy as np

from keras_vit.evaluation import sheet_figure
from keras_vit.tasks import super_resolution


def test_pictures_of_several_sizes_share_a_sheet():
    rng, task = np.random.default_rng(0), super_resolution(2)
    examples = []
    for size in ((60, 40), (30, 52)):
        truth = rng.integers(0, 256, (*size, 3), dtype="uint8")
        small, truth = task.whole_example(truth)
        examples.append((small, truth, {"image": truth}, f"{size}"))
    axes = sheet_figure(task, examples).axes
    assert [each.get_title().split()[0] for each in axes[1:4]] == ["bicubic", "answer", "truth"]
    assert axes[0].get_title() == "(60, 40)" and axes[4].get_title() == "(30, 52)"
    first, second = (axes[place].images[0].get_array() for place in (3, 7))
    assert first.shape == second.shape == (60, 52, 3)
    np.testing.assert_array_equal(second[:30], examples[1][1])
    assert (second[30:] == 255).all() and (first[:, 40:] == 255).all()
