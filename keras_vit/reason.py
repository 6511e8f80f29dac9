"""Why a library failed, in one line."""

import re

# What Keras puts before the error that it wraps.
QUOTED = re.compile(r"Exception encountered(?: when calling [^\n]*\n+|: )")
COLOUR = re.compile(r"\x1b\[\d*m")
LONGEST = 300  # characters: some quote a whole configuration


def reason_of(error):
    """Returns the first line of what an error says, of Keras' what it quotes behind all else."""
    *_, last = QUOTED.split(COLOUR.sub("", str(error)))
    return last.strip().partition("\n")[0][:LONGEST] or type(error).__name__
