"""What simpler models reach on the features that training starts from."""

import json

import keras
import numpy as np

from keras_vit.data import draw
from keras_vit.progress import doing
from keras_vit.run.features import best_neighbours, best_probe, features_of_split

LIMIT = 5000  # training pictures whose features are used


def start_from_probe(model, plain, source, preprocessing, *, seed, workers):
    """Judges nearest neighbours and a linear probe of features, and sets the head to the probe.

    A head that was drawn at random would change the weights below it before it has learned anything
    ("Fine-Tuning can Distort Pretrained Features", arXiv:2202.10054).

    One pass over the pictures serves both. Of more than 5,000 training pictures as many are drawn
    at random. The number of neighbours is chosen among the training pictures, each of which is
    left out once; the regularisation of the probe by its loss on `val`.

    Args:
        model: The classifier that will be trained; its layer `head` is set.
        plain: The same classifier on one device, in float32.
        source: A `keras_vit.data.Source` with the splits `train`, `test` and perhaps `val`, with
            labels.
        preprocessing: The `Preprocessing` of evaluation.
        seed: Seed of the choice of pictures.
        workers: The `keras_vit.training.Workers`; the probe of the first one counts.

    Returns:
        Accuracies by the name of the baseline and of the split.
    """
    head = plain.get_layer("head")
    features = keras.Model(plain.input, head.input)
    splits = {name: split for name, split in source.splits.items() if name in ("val", "test")}
    splits["train"] = draw(source.splits["train"], LIMIT, seed)
    found = {
        name: features_of_split(features, split, preprocessing, name=name)
        for name, split in splits.items()
    }
    train = found.pop("train")
    with doing("fitting nearest neighbours and a linear probe"):
        neighbours = best_neighbours(train)
        probe = best_probe(train, found.get("val"), head.units)
    figures = {
        "nearest neighbours": {x: neighbours.score(y.vectors, y.labels) for x, y in found.items()},
        "linear probe": {x: probe.score(y.vectors, y.labels) for x, y in found.items()},
    }
    for variable in ("kernel", "bias"):
        values = getattr(probe, variable)
        values = np.frombuffer(workers.broadcast(values.tobytes()), "float32").reshape(values.shape)
        getattr(model.get_layer("head"), variable).assign(values)
    return json.loads(workers.broadcast(json.dumps(figures).encode()))


def advice(figures, best):
    """Compares a training with its baselines, only on the split `val`.

    Args:
        figures: What `start_from_probe` returned, or an empty dictionary.
        best: The `best` of `keras_vit.training.KeepBest`, or `None`.

    Returns:
        A list of one sentence; empty where there is nothing to compare.
    """
    on_val = {name: by_split["val"] for name, by_split in figures.items() if "val" in by_split}
    if not on_val or best is None:
        return []
    name = max(on_val, key=on_val.get)
    reached = f"On val {name} reached {on_val[name]:.2%}, the kept weights {best['figure']:.2%}"
    if best["epoch"] == 0:
        return [
            f"{reached}: training did not improve on the linear probe. Use it as it is, or try "
            "other weights, a lower learning rate or more pictures."
        ]
    if on_val[name] > best["figure"]:
        return [
            f"{reached}: take the features of keras-vit embed, or try a lower learning rate, other "
            "weights or more pictures."
        ]
    return [f"{reached}: fine-tuning is worth its time."] if on_val[name] < best["figure"] else []
