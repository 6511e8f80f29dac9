"""Confidence intervals of figures: how far they could lie off by the choice of the examples."""

import math
from typing import NamedTuple

import numpy as np

from keras_vit.errors import UserError

Z = 1.959963984540054  # of a standard normal distribution, 95 % lie within
LEVEL = 0.95
RESAMPLES = 1000
ROOM = 1 << 22  # numbers that are drawn at once


class Interval(NamedTuple):
    """An interval that holds the true value of a figure with 95 % confidence.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        method: Name of the method, `"Wilson"` or `"bootstrap"`.
    """

    low: float
    high: float
    method: str


def intervals(result, *, seed=0):
    """Computes 95 % confidence intervals of the figures of a result.

    Shares of examples, `result.hits`, have Wilson's interval. Other figures that
    `result.figures_of` computes have that of a bootstrap over examples, and so has a headline that
    is the mean of `result.each`, or its negative.

    Args:
        result: A `keras_vit.tasks.Result`.
        seed: Seed of the bootstrap.

    Returns:
        A dictionary of `Interval`s by name of the figure, without the figures that have none.
    """
    figures_of = result.figures_of or _mean_of_each(result)
    found = bootstrap(figures_of, result.count, seed=seed) if figures_of else {}
    found |= {name: wilson(int(hits.sum()), len(hits)) for name, hits in result.hits.items()}
    return {name: found[name] for name in result.figures if name in found}


def _mean_of_each(result):
    """Returns the headline as `Result.figures_of` would, if it is the mean of `result.each`."""
    name, value = result.headline
    for each in () if result.each is None else (result.each, -result.each):
        if math.isclose(each.mean(), value):
            return lambda counts, each=each: {name: counts @ each / counts.sum(-1)}
    return None


def wilson(hits, count):
    """Computes Wilson's score interval of a share, which is right for few examples too.

    "Probable Inference, the Law of Succession, and Statistical Inference", E. B. Wilson 1927.

    Args:
        hits: How many examples count.
        count: How many examples there are.

    Returns:
        An `Interval`.

    Raises:
        ValueError: If there is no example, or `hits` is not between 0 and `count`.
    """
    if not 0 <= hits <= count or not count:
        raise UserError(f"A share needs 0 <= hits <= count: received {hits} of {count}.")
    share, spread = hits / count, Z * Z / count
    centre = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    low = 0.0 if hits == 0 else centre - half  # exactly, without an error of rounding
    return Interval(low, 1.0 if hits == count else centre + half, "Wilson")


def resamples(count, times, seed):
    """Draws sets of as many examples as there are, with replacement.

    Args:
        count: How many examples `N` there are.
        times: How many sets.
        seed: Seed of the draws.

    Yields:
        How often some of the sets hold each example, integers `(R, N)`; no more at once than fit
        into memory.
    """
    rng = np.random.default_rng(seed)
    while times:
        size = min(times, max(1, ROOM // count))
        yield rng.multinomial(count, [1 / count] * count, size=size)
        times -= size


def bootstrap(figures_of, count, *, seed=0):
    """Computes intervals by drawing the examples again and again, with replacement.

    The percentiles of the figures of `RESAMPLES` such draws ("An Introduction to the Bootstrap",
    B. Efron and R. Tibshirani 1993, section 13.3).

    Args:
        figures_of: Returns figures by name, `(R,)`, of `R` sets, given how often each holds each
            example, integers `(R, N)`.
        count: How many examples there are.
        seed: Seed of the draws.

    Returns:
        A dictionary of `Interval`s by name. A figure that is not finite in some draw has none.
    """
    parts = [figures_of(counts) for counts in resamples(count, RESAMPLES, seed)]
    found = {}
    for name in parts[0]:
        values = np.concatenate([part[name] for part in parts])
        if np.isfinite(values).all():
            low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            found[name] = Interval(float(low), float(high), "bootstrap")
    return found
