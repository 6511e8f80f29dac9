"""Long parametrizations: a few cases in the fast suite, the others in the slow one."""

import pytest


def thinned(cases, fast):
    """Returns cases for `pytest.mark.parametrize`, all but the first `fast` marked slow."""
    return [
        pytest.param(case, marks=[] if place < fast else [pytest.mark.slow])
        for place, case in enumerate(cases)
    ]
