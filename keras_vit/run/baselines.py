"""What simpler models reach on the features that training starts from."""

import json
from typing import NamedTuple

import keras
import numpy as np

from keras_vit.data import draw, fitted_batches, fitted_preprocessing
from keras_vit.run.features import (
    Features,
    Probe,
    best_neighbours,
    best_probe,
    embed,
)

LIMIT = 5000  # training pictures whose features are used
BATCH = 64


class Baselines(NamedTuple):
    """Nearest neighbours and a linear probe on the features of a model.

    Attributes:
        figures: Accuracies by the name of the baseline and of the split.
        probe: The linear classifier of what the layer `head` takes.
    """

    figures: dict[str, dict[str, float]]
    probe: Probe

    def start(self, model):
        """Sets the head of a model to the probe: training starts from there.

        A head that was drawn at random would change the weights below it before it has learned
        anything ("Fine-Tuning can Distort Pretrained Features", arXiv:2202.10054).

        Args:
            model: A classifier with the layer `head`.
        """
        head = model.get_layer("head")
        head.kernel.assign(self.probe.kernel)
        head.bias.assign(self.probe.bias)


def baselines(model, source, preprocessing, *, seed, workers):
    """Fits nearest neighbours and a linear probe to features of the training pictures.

    One pass over the pictures serves both. Of more than 5,000 training pictures as many are drawn
    at random. The number of neighbours is chosen among the training pictures, each of which is
    left out once; the regularisation of the probe by its loss on `val`.

    Args:
        model: A classifier with the layer `head`, as it is before training; it is not changed.
        source: A `keras_vit.data.Source` with the splits `train`, `test` and perhaps `val`, with
            labels.
        preprocessing: The `Preprocessing` of evaluation.
        seed: Seed of the choice of pictures.
        workers: The `keras_vit.training.Workers`; the probe of the first one counts.

    Returns:
        A `Baselines`.
    """
    head = model.get_layer("head")
    features = keras.Model(model.input, head.input)
    splits = {name: split for name, split in source.splits.items() if name in ("val", "test")}
    splits["train"] = draw(source.splits["train"], LIMIT, seed)
    found = {
        name: _features(features, split, preprocessing, name) for name, split in splits.items()
    }
    train = found.pop("train")
    neighbours = best_neighbours(train)
    probe = best_probe(train, found.get("val"), head.units)
    figures = {
        "nearest neighbours": {x: neighbours.score(y.vectors, y.labels) for x, y in found.items()},
        "linear probe": {x: probe.score(y.vectors, y.labels) for x, y in found.items()},
    }
    kernel = np.frombuffer(workers.broadcast(probe.kernel.tobytes()), "float32")
    bias = np.frombuffer(workers.broadcast(probe.bias.tobytes()), "float32")
    figures = json.loads(workers.broadcast(json.dumps(figures).encode()))
    return Baselines(figures, Probe(kernel.reshape(probe.kernel.shape), bias))


def _features(model, split, preprocessing, name) -> Features:
    batches = fitted_batches(
        split, fitted_preprocessing(split, preprocessing), batch_size=BATCH, example=dict
    )
    return embed(model, batches, name=name, steps=-(-split.count // BATCH))
