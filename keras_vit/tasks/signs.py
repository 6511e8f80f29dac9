"""Signs that a training without labels has collapsed, in the numbers of an epoch.

NaN is no sign: numbers that are not finite are said elsewhere.
"""

import math

LEAST_SPREAD = 0.01  # of features of length one, beside 1/sqrt(D)
LEAST_RANK = 1.5  # of features
LEAST_EMBEDDING = 0.1  # deviation of an embedding, where a standard Gaussian has 1
LEAST_INFORMATION = 0.01  # of a teacher's answers, as a share of ln(K)
LARGEST_LOSS = 0.999  # as a share of ln(K)


def sign_in_features(logs):
    """Looks at `keras_vit.tasks.spread.spread_of` the features of a backbone.

    Args:
        logs: Numbers of an epoch by name.

    Returns:
        What is wrong, a part of a sentence, or `None`.
    """
    spread, rank = logs.get("feature_spread", 1.0), logs.get("effective_rank", math.inf)
    if not (spread < LEAST_SPREAD or rank < LEAST_RANK):
        return None
    return (
        f"the features of all pictures are nearly alike (feature_spread {spread:.3f}, "
        f"effective_rank {rank:.1f})"
    )


def sign_in_embeddings(logs):
    """Looks at the embeddings of LeJEPA, and at the features.

    Args:
        logs: As `sign_in_features` takes them.

    Returns:
        As it returns.
    """
    spread = logs["embedding_spread"]
    if not spread < LEAST_EMBEDDING:
        return sign_in_features(logs)
    return (
        f"the embeddings of all pictures are nearly alike (embedding_spread {spread:.3f}, where a "
        "standard Gaussian has 1)"
    )


def sign_in_answers(logs, prototypes):
    """Looks at the loss of DINO and the answers of its teacher, and at the features.

    Args:
        logs: As `sign_in_features` takes them.
        prototypes: Numbers of an answer `K`.

    Returns:
        As it returns.
    """
    largest = math.log(prototypes)
    if logs["information"] < LEAST_INFORMATION * largest:
        return (
            "the teacher answers all pictures alike (information "
            f"{logs['information']:.3f} and entropy {logs['teacher_entropy']:.3f} of at most "
            f"ln({prototypes}) = {largest:.3f})"
        )
    if logs["loss"] > LARGEST_LOSS * largest:
        return f"the loss {logs['loss']:.3f} stays at ln({prototypes}) = {largest:.3f}"
    return sign_in_features(logs)
