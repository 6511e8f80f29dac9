"""How much an export may lose, and how sure it must be that it lost it."""

import dataclasses
import math

from keras_vit.evaluation.difference import NO_NUMBER
from keras_vit.evaluation.significance import LEVEL

SAME = 1e-5  # largest difference of an answer in formats that store the weights unchanged
SAME_DECISIONS = 1e-3  # largest share of their decisions that may differ: two answers may be close


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is said of an export.

    Attributes:
        rejected: Why it is rejected, a sentence; empty if it is not.
        is_broken: Whether it is rejected whatever may be lost.
        remark: What is said of one that is not rejected, a sentence or nothing.
    """

    rejected: str = ""
    is_broken: bool = False
    remark: str = ""


def verdict(task, format, row, *, limit=None):
    """Judges an export by its format.

    An export with answers that are no use, `Comparison.broken`, is rejected. Where the format
    stores the weights unchanged, so is one whose answers differ. In other formats, and in all if
    there is a `limit`, one is rejected whose loss is beyond the limit and significant: that chance
    gives one with at most 5 % probability, as `keras_vit.evaluation.chance_of_loss` tests it.
    Where that cannot be tested, the limit decides.

    Args:
        task: The `keras_vit.tasks.Task`.
        format: The `keras_vit.export.formats.Format`.
        row: The export's `keras_vit.evaluation.Comparison`.
        limit: Percentage points of the task's headline that may be lost, or percent of one that is
            no share; by default what the format may lose.

    Returns:
        A `Verdict`.
    """
    if row.broken:
        return Verdict(row.broken, is_broken=True)
    limit = format.largest_loss if limit is None else limit
    if limit is None:
        return Verdict(differs(row.difference, row.decided, row.decisions))
    loss, headline = -100 * row.change, next(iter(row.figures))
    if not math.isfinite(loss):
        return Verdict(NO_NUMBER, is_broken=True)
    if loss <= limit + 1e-9:
        return Verdict()
    unit = "points" if headline in task.shares else "percent"
    lost = f"it loses {loss:.2f} {unit} of {headline.replace('_', ' ')}, more than {limit:g}"
    if row.chance is None:
        return Verdict(f"{lost}; whether that is chance cannot be tested.")
    tested = f"{row.chance.test}, one-sided: p = {row.chance.probability:.2g}"
    if row.chance.probability > LEVEL:
        return Verdict(remark=f"{lost}, which may be chance ({tested}).")
    return Verdict(f"{lost}, which is significant ({tested}).")


def differs(difference, decided=0.0, decisions=1, *, answer="an answer"):
    """Says how an export differs from its model, whose weights it stores unchanged.

    Args:
        difference: Largest difference of an answer in numbers.
        decided: Largest share of the decisions that differ.
        decisions: How many decisions there are. Their share may exceed `SAME_DECISIONS` by chance,
            which a one-sided binomial test tells.
        answer: What is called an answer in the sentence.

    Returns:
        A sentence; empty if it does not differ.
    """
    from scipy.stats import binomtest

    if not math.isfinite(difference + decided):
        return NO_NUMBER
    if difference > SAME:
        return f"{answer} differs by {difference:.1e}, more than {SAME}."
    changed = round(decided * decisions)
    if decided > SAME_DECISIONS and (
        binomtest(changed, decisions, SAME_DECISIONS, alternative="greater").pvalue <= LEVEL
    ):
        share = f"{decided:.2%} of its decisions, more than {SAME_DECISIONS:.2%}"
        return f"{answer} differs in {share}."
    return ""
