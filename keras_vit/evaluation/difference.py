"""How far named answers are from those of another model."""

import numpy as np

NO_NUMBER = "it answers something that is not a finite number."
CONSTANT = "it gives different pictures the same answer."
SEEN = 0.01  # of the scale of an answer: what even eight bits show
STILL = 1e-3  # of the model's own spread of answers: what rounding leaves


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


def broken(answers, reference):
    """Says why answers are no use, however much may be lost.

    Args:
        answers: Arrays `(N, ...)` by name.
        reference: Arrays `(N, ...)` of the other model by name.

    Returns:
        A sentence, if a number is missing or not finite, or if all pictures have the same answers
        where those of the reference differ visibly; else an empty text.
    """
    if not all(np.isfinite(each) for each in differences(answers, reference).values()):
        return NO_NUMBER
    still = [
        _spread(answers[name]) <= STILL * _spread(array)
        for name, array in reference.items()
        if _spread(array) > (0 if is_decision(array) else SEEN * max(1, np.abs(array).max()))
    ]
    return CONSTANT if still and all(still) else ""


def _spread(answer):
    """Returns how far the answers to different pictures are from each other, at most."""
    return float((answer.max(axis=0).astype(float) - answer.min(axis=0)).max())


def is_decision(answer):
    """Says whether an answer, an array, holds decisions: integers, not numbers that are near."""
    return not np.issubdtype(answer.dtype, np.inexact)


def _difference(answer, reference):
    if answer is None or answer.shape != reference.shape or not np.isfinite(answer).all():
        return float("nan")
    if is_decision(reference):
        return float((answer != reference).mean())
    return float(np.abs(answer - reference).max() / max(1, np.abs(reference).max()))
