"""The worst examples are those of the whole set, whatever the batches."""

import dataclasses

import numpy as np

from keras_vit.evaluation.worst import Worst
from keras_vit.tasks import classification


def test_the_worst_mistakes_of_all_batches_are_kept():
    rng = np.random.default_rng(0)
    task = classification(("a", "b", "c"))
    labels = rng.integers(0, 3, 50)
    probabilities = rng.dirichlet(np.ones(3), 50)
    images = np.arange(50, dtype="uint8")[:, None, None, None]
    of_labels = probabilities[np.arange(50), labels]
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    expected = wrong[np.argsort(of_labels[wrong], kind="stable")][:4].tolist()
    for size in (50, 7):
        worst = Worst(task, 4)
        for start in range(0, 50, size):
            part = slice(start, start + size)
            worst(images[part], labels[part], {"probabilities": probabilities[part]})
        assert [example.place for example in worst.examples] == expected
        assert [int(example.image[0, 0, 0]) for example in worst.examples] == expected
        assert [int(example.truth) for example in worst.examples] == labels[expected].tolist()


def test_a_task_without_a_figure_of_each_answer_has_none():
    task = classification(("a", "b"))
    silent = dataclasses.replace(
        task, score=lambda pairs: dataclasses.replace(task.score(pairs), each=None)
    )
    worst = Worst(silent)
    worst(np.zeros((1, 2, 2, 1)), np.array([1]), {"probabilities": np.array([[0.9, 0.1]])})
    assert worst.examples == []
