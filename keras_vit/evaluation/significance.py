"""Whether a loss is more than chance: by the pictures that only one of two models answers well."""

import dataclasses

from keras_vit.evaluation.intervals import resamples

LEVEL = 0.05  # a loss counts if chance alone would give one with at most this probability
RESAMPLES = 2000  # of the bootstrap


@dataclasses.dataclass(frozen=True)
class Chance:
    """How probable it is that a headline falls at least as far by chance.

    Attributes:
        probability: One-sided probability, in `(0, 1]`.
        test: Name of the test, for a sentence.
    """

    probability: float
    test: str


def chance_of_loss(task, result, reference):
    """Tests whether a result is worse than that of another model on the same examples.

    Both tests are one-sided, because only a loss is asked for.

    - Where each example is answered rightly or not (`Result.right`), it is McNemar's test in its
      exact form, the sign test ("Note on the sampling error of the difference between correlated
      proportions or percentages", Q. McNemar 1947). Of the examples that exactly one of the two
      answers rightly, chance gives each with probability one half to either.
    - Otherwise it is a paired bootstrap ("An Introduction to the Bootstrap", B. Efron and R.
      Tibshirani 1993, chapter 16): of 2,000 sets of as many examples, drawn with replacement from
      these, the share on which the headline is not worse. The headline is computed by
      `Result.figures_of`, or is the mean of `Result.each`.

    Args:
        task: The `keras_vit.tasks.Task`.
        result: A `keras_vit.tasks.Result`.
        reference: The `Result` of the other model.

    Returns:
        A `Chance`; `None` where only the whole set has a figure.
    """
    if result.right is not None and reference.right is not None:
        lost = int((reference.right & ~result.right).sum())
        won = int((result.right & ~reference.right).sum())
        return Chance(_sign_test(lost, won), "exact McNemar test")
    if not (_can_be_resampled(result) and _can_be_resampled(reference)):
        return None
    if not can_be_significant(result.count):
        return Chance(1.0, "paired bootstrap")
    worse = 0
    better = 1 if task.higher_is_better or result.figures_of is None else -1
    for counts in resamples(result.count, RESAMPLES, seed=0):
        change = better * (_headlines(result, counts) - _headlines(reference, counts))
        worse += int((change < 0).sum())
    return Chance((RESAMPLES - worse + 1) / (RESAMPLES + 1), "paired bootstrap")


def can_be_significant(count):
    """Returns whether a loss on `count` examples can be significant: on five or more.

    That chance lets all of them be lost must be less probable than `LEVEL`.
    """
    return 0.5**count <= LEVEL


def _sign_test(lost, won):
    """Returns the probability that of `lost + won` tosses of a coin at least `lost` are heads."""
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0


def _can_be_resampled(result):
    return result.figures_of is not None or result.each is not None


def _headlines(result, counts):
    """Returns the headline on each of `R` sets, in which examples are as often as `(R, N)` says."""
    if result.figures_of is not None:
        return result.figures_of(counts)[result.headline[0]]
    return counts @ result.each / result.count
