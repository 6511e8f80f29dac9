"""Lets something stand around the calls of layers for a while; the layers know nothing of it."""

import contextlib
import functools


@contextlib.contextmanager
def intercepted(*around):
    """Replaces functions of layers until the block ends.

    Args:
        *around: Triples of a layer, the name of one of its functions, such as `"call"`, and a
            function that takes the replaced one and its arguments, and returns the result.
    """
    with contextlib.ExitStack() as stack:
        for layer, name, function in around:
            own = vars(layer).get(name)
            stack.callback(_restore, layer, name, own)
            object.__setattr__(layer, name, functools.partial(function, getattr(layer, name)))
        yield


def _restore(layer, name, own):
    if own is None:
        object.__delattr__(layer, name)
    else:
        object.__setattr__(layer, name, own)
