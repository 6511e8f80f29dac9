"""How far named answers are from those of another model."""

import numpy as np


def differences(answers, reference):
    """Returns the largest difference of each answer from that of another model.

    Args:
        answers: Arrays `(N, ...)` by name; names that `reference` lacks are left out.
        reference: Arrays `(N, ...)` of the other model by name.

    Returns:
        A dictionary of floats by name. Numbers differ by the largest absolute difference, in units
        of the largest number of the reference if that is above 1; integers, which are decisions, by
        the share of them that are not equal. It is not a number where an answer is missing, has
        another shape or is not finite.
    """
    return {name: _difference(answers.get(name), array) for name, array in reference.items()}


def is_decision(answer):
    """Says whether an answer, an array, holds decisions: integers, not numbers that are near."""
    return not np.issubdtype(answer.dtype, np.inexact)


def _difference(answer, reference):
    if answer is None or answer.shape != reference.shape or not np.isfinite(answer).all():
        return float("nan")
    if is_decision(reference):
        return float((answer != reference).mean())
    return float(np.abs(answer - reference).max() / max(1, np.abs(reference).max()))
