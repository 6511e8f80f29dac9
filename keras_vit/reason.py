"""Why a library failed, in one line."""


def reason_of(error):
    """Returns the first line of what an error says, of Keras' what it quotes behind all else."""
    quoted = str(error).rpartition("Exception encountered: ")[2]
    return quoted.strip().partition("\n")[0] or type(error).__name__
