"""Features of a split, and the simple classifiers that judge them."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from keras_vit.errors import UserError
from keras_vit.progress import progress

STRENGTHS = (0.1, 0.01, 1.0, 0.001)  # inverse regularisation of the probe; the first is the default
NEIGHBOURS = (1, 5, 20)
BATCH = 64  # images per call


class Features(NamedTuple):
    """Features of the pictures of a split.

    Attributes:
        vectors: float32 `(N, D)`.
        labels: int64 `(N,)`, or `None` where there are none.
    """

    vectors: np.ndarray
    labels: np.ndarray | None


def embed(model, batches, *, name, steps):
    """Computes the features of a split, with a progress bar.

    Args:
        model: A Keras model from images `(B, H, W, C)` to features `(B, D)`.
        batches: A `tf.data.Dataset` of samples (see `keras_vit.data.sample`).
        name: Name of the split, for the progress bar.
        steps: Number of batches.

    Returns:
        A `Features`.

    Raises:
        ValueError: If there is no picture.
    """
    vectors, labels = [], []
    for sample in progress(batches.as_numpy_iterator(), f"embedding {name}", steps):
        vectors.append(np.asarray(model.predict_on_batch(sample["image"]), "float32"))
        labels += [sample["label"]] if "label" in sample else []
    if not vectors:
        raise UserError(f"No picture of the split {name} can be read.")
    return Features(np.concatenate(vectors), np.concatenate(labels) if labels else None)


def features_of(weights, source, *, image_size=None):
    """Computes the features of every picture of a source, by the pooled output of a model.

    Args:
        weights: What `keras_vit.checkpoints.recognise` takes.
        source: A `keras_vit.data.Source` with labels.
        image_size: Side of the images in pixels; by default that of the weights.

    Returns:
        A `Features` for each split, by name. Pictures that are broken are left out, each with a
        line on stderr.

    Raises:
        ValueError: If the weights cannot be used.
    """
    from keras_vit.checkpoints import load, recognise
    from keras_vit.data import BrokenPictures

    checkpoint = recognise(weights)
    channels = source.splits["train"].channels
    model = load(checkpoint, num_classes=0, image_size=image_size, channels=channels)
    wanted = checkpoint.preprocessing.but(image_size=model.input_shape[1:3])
    broken = BrokenPictures()
    found = {
        name: features_of_split(model, split, wanted, name=name, broken=broken)
        for name, split in source.splits.items()
    }
    broken.print_left_out()
    return found


def features_of_split(model, split, preprocessing, *, name, broken=None):
    """Computes the features of the pictures of a split.

    Args:
        model: As `embed` takes it.
        split: A split of a `keras_vit.data.Source`.
        preprocessing: The `Preprocessing` of evaluation.
        name: Name of the split, for the progress bar.
        broken: As `keras_vit.data.fitted_batches` takes it.

    Returns:
        A `Features`.
    """
    from keras_vit.data import fitted_batches, fitted_preprocessing

    wanted = fitted_preprocessing(split, preprocessing)
    batches = fitted_batches(split, wanted, batch_size=BATCH, example=dict, broken=broken)
    return embed(model, batches, name=name, steps=-(-split.count // BATCH))


def nearest_neighbours(train, count, temperature=None):
    """Makes a classifier by the classes of the nearest training pictures, by cosine.

    Args:
        train: A `Features` with labels.
        count: How many of the nearest pictures vote, at most as many as there are.
        temperature: With one, a vote counts `exp(cosine / temperature)` ("Emerging Properties in
            Self-Supervised Vision Transformers", arXiv:2104.14294, appendix F.1); by default all
            count alike.

    Returns:
        A fitted `sklearn.neighbors.KNeighborsClassifier`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    weights = "uniform" if temperature is None else lambda far: np.exp((1 - far) / temperature)
    count = min(count, len(train.labels))
    classifier = KNeighborsClassifier(count, metric="cosine", weights=weights)
    return classifier.fit(train.vectors, train.labels)


def best_neighbours(train):
    """Makes the `nearest_neighbours` whose number fits best, each picture being left out once.

    Args:
        train: A `Features` with labels.

    Returns:
        A fitted `sklearn.neighbors.KNeighborsClassifier`.
    """
    largest = min(max(NEIGHBOURS), len(train.labels) - 1)
    if largest < 1:
        return nearest_neighbours(train, 1)
    others = nearest_neighbours(train, largest).kneighbors(return_distance=False)
    votes = train.labels[others]  # (N, largest), without the picture itself

    def right(count):
        winners = [np.bincount(row).argmax() for row in votes[:, :count]]
        return np.mean(winners == train.labels)

    return nearest_neighbours(train, max(NEIGHBOURS, key=right))


class Probe(NamedTuple):
    """A linear classifier of features: `vectors @ kernel + bias` are logits.

    Attributes:
        kernel: float32 `(D, K)`.
        bias: float32 `(K,)`.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def score(self, vectors, labels):
        """Returns the share of vectors `(N, D)` whose largest logit is that of their label."""
        return float(np.mean(np.argmax(vectors @ self.kernel + self.bias, axis=-1) == labels))

    def loss(self, vectors, labels):
        """Returns the mean cross-entropy on vectors `(N, D)` with labels `(N,)`."""
        logits = log_softmax(vectors @ self.kernel + self.bias, axis=-1)
        return -float(np.mean(logits[np.arange(len(labels)), labels]))


def best_probe(train, val, num_classes):
    """Fits the `linear_probe` whose regularisation has the lowest loss on other pictures.

    Args:
        train: A `Features` with labels.
        val: A `Features` with labels, or `None`: then the first of `STRENGTHS` is taken.
        num_classes: Number of classes `K`.

    Returns:
        A `Probe`.
    """
    if val is None:
        return linear_probe(train, num_classes, STRENGTHS[0])
    probes = [linear_probe(train, num_classes, strength) for strength in STRENGTHS]
    return min(probes, key=lambda probe: probe.loss(val.vectors, val.labels))


def linear_probe(train, num_classes, strength):
    """Fits a linear classifier: logistic regression on standardised features.

    Args:
        train: A `Features` with labels.
        num_classes: Number of classes `K`. One without a picture gets a zero kernel and a bias
            below all others.
        strength: Inverse of the regularisation, `C` of scikit-learn.

    Returns:
        A `Probe`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, deviation = train.vectors.mean(0), train.vectors.std(0) + 1e-6
    seen = np.unique(train.labels)
    kernel = np.zeros((train.vectors.shape[1], num_classes))
    bias = np.zeros(num_classes)
    if len(seen) > 1:
        fitted = LogisticRegression(C=strength, max_iter=300)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a baseline
            fitted.fit((train.vectors - mean) / deviation, train.labels)
        weights, offsets = fitted.coef_, fitted.intercept_
        if len(seen) == 2:  # scikit-learn gives the second class alone
            weights, offsets = (
                np.stack([-weights[0], weights[0]]) / 2,
                np.array([-1, 1]) * offsets / 2,
            )
        kernel[:, seen] = weights.T / deviation[:, None]
        bias[seen] = offsets - weights @ (mean / deviation)
    missing = np.setdiff1d(np.arange(num_classes), seen)
    bias[missing] = bias[seen].min() - 10 if len(seen) else 0
    return Probe(kernel.astype("float32"), bias.astype("float32"))
