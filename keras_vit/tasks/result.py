"""What the answers to a set of examples are worth."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Result:
    """Figures of the answers to a set of examples.

    Attributes:
        figures: Numbers by name. The first is the headline, by which models are compared.
        count: How many examples were answered.
        per_class: Numbers of each class by name, arrays `(K,)`, the one to sort by first; empty
            where there are no classes.
        each: How good the answer to each example is, `(N,)`, higher is better; `None` where only
            the whole set has a figure.
        hits: Of figures that are shares of the examples: whether each example counts, booleans
            `(N,)`, by name of the figure.
        confidence: Probability that the model gave to its decision on each example, `(N,)`; the
            hits of the headline say whether it was right. `None` where it gives none.
        confusion: Each pair of a true and a decided class that occurs, and how often, integers
            `(M, 3)`; `None` where there are no classes.
        figures_of: Returns figures by name, `(R,)`, of `R` sets, given how often each holds each
            example, integers `(R, N)`; `None` where it is not known. From it come confidence
            intervals, and whether a loss is significant.
        plots: Functions without arguments by name; each draws a `matplotlib.figure.Figure`.
    """

    figures: dict[str, float]
    count: int
    per_class: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    each: np.ndarray | None = None
    hits: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    confidence: np.ndarray | None = None
    confusion: np.ndarray | None = None
    figures_of: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None
    plots: dict[str, Callable[[], object]] = dataclasses.field(default_factory=dict)

    @property
    def headline(self):
        """Name and value of the first figure."""
        return next(iter(self.figures.items()))

    @property
    def right(self):
        """Whether each example counts in the headline, `(N,)`, if that is a share; else `None`."""
        return self.hits.get(self.headline[0])
