"""How far named answers are from a reference."""

import numpy as np
import pytest

from keras_vit.evaluation.difference import differences


@pytest.mark.parametrize(
    "reference, answer, expected",
    [
        ([0.25, 0.75], [0.5, 0.5], 0.25),
        ([0.0, 200.0], [1.0, 200.0], 1 / 200),  # pixels of an image, in units of the largest
        ([0, 1, 2, 3], [0, 1, 2, 9], 1 / 4),  # classes: one of four is another
        ([0.25, 0.75], [0.5, np.nan], np.nan),
        ([0.25, 0.75], [0.5], np.nan),
    ],
)
def test_numbers_by_size_and_classes_by_share(reference, answer, expected):
    got = differences({"a": np.array(answer), "more": np.zeros(1)}, {"a": np.array(reference)})
    assert got == {"a": pytest.approx(expected, nan_ok=True)}


def test_an_answer_that_is_missing_is_no_number():
    assert np.isnan(differences({}, {"a": np.zeros(2)})["a"])
