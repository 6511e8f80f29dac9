"""The plots of a report: curves over epochs, and how far probabilities can be believed."""

from typing import NamedTuple

import numpy as np

SIZE = (4.2, 2.7)  # inches: legible on a phone
BINS = 15
TRAINING, VALIDATION, KEPT = "#7a8794", "#1f77b4", "#c2571a"
WITH_MARKS = 12  # points, up to which each has a mark: one alone would not be seen


def curve_figure(curves, name):
    """Draws one number over the epochs, of training and of validation pictures.

    Args:
        curves: `keras_vit.report.Curves`.
        name: Name of the number, without `val_`.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure, axes = _axes(name.replace("_", " "))
    labels = {name: ("training", TRAINING), f"val_{name}": (curves.validated_on, VALIDATION)}
    for key, (label, colour) in labels.items():
        if key in curves.values:
            epochs, numbers = curves.values[key]
            mark = "." if len(epochs) <= WITH_MARKS else None
            axes.plot(epochs, numbers, color=colour, label=label, marker=mark)
    _finish(axes, curves)
    return figure


def learning_rate_figure(curves):
    """Draws the learning rate at the end of each epoch; arguments as `curve_figure`."""
    figure, axes = _axes("learning rate")
    epochs = np.arange(1, 1 + len(curves.learning_rate))
    mark = "." if len(epochs) <= WITH_MARKS else None
    axes.plot(epochs, curves.learning_rate, color=TRAINING, marker=mark)
    _finish(axes, curves)
    return figure


class Bins(NamedTuple):
    """Decisions in bins of equal width by their probability.

    Attributes:
        counts: How many there are in each bin, `(BINS,)`.
        confidence: Mean of their probabilities; NaN in an empty bin.
        right: Share of them that is right; NaN in an empty bin.
    """

    counts: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, confidence, right):
        """Sorts probabilities `(N,)` and whether each decision was right `(N,)` into bins."""
        places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        counts, *sums = (
            np.bincount(places, weights, minlength=BINS) for weights in (None, confidence, right)
        )
        with np.errstate(invalid="ignore"):
            return cls(counts, *(each / counts for each in sums))

    @property
    def error(self):
        """The expected calibration error (arXiv:1706.04599, equation 3)."""
        gaps = np.abs(self.confidence - self.right)[self.counts > 0]
        return float((gaps * self.counts[self.counts > 0]).sum() / self.counts.sum())


def reliability_figure(bins):
    """Draws the share of right decisions over the probability that was given to them.

    "On Calibration of Modern Neural Networks" (arXiv:1706.04599, figure 1), with the number of
    examples below.

    Args:
        bins: `Bins`.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0], 4.2), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    centres = (np.arange(BINS) + 0.5) / BINS
    bar = dict(width=0.9 / BINS, color=VALIDATION)
    above.plot([0, 1], [0, 1], color=TRAINING, linestyle="--", linewidth=1, label="calibrated")
    above.bar(centres, bins.right, alpha=0.55, label="share that is right", **bar)
    above.plot(bins.confidence, bins.right, ".", color=KEPT, label="at the mean probability")
    above.set(ylim=(0, 1.02), ylabel="share that is right")
    above.legend(fontsize=8, frameon=False, loc="upper left")
    below.bar(centres, bins.counts, **bar)
    below.set(xlim=(0, 1), xlabel="probability of the decision", ylabel="pictures")
    for axes in (above, below):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _axes(title):
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=10, parse_math=False)
    axes.set_xlabel("epoch", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(axes, curves):
    if curves.kept is not None:
        axes.axvline(curves.kept, color=KEPT, linewidth=1, linestyle="--", label="kept")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")
