"""How far the features of pictures are from being all alike."""

import numpy as np


def spread_of(features):
    """Measures how far features `(N, D)` are from being all alike.

    Args:
        features: The features of pictures.

    Returns:
        Two numbers by name: `effective_rank`, the exponential of the entropy of the shares of the
        variance along its principal axes, from 1 to `D` ("The effective rank", Roy and Vetterli,
        2007, of the covariance); and `feature_spread`, the standard deviation of a number of the
        features, scaled to length one, beside `1/sqrt(D)`: 0 where all are alike, and about 1 where
        they point everywhere. Both are NaN where a feature is NaN or infinite.
    """
    features = np.asarray(features, "float64")
    if not np.isfinite(features).all():
        return {"effective_rank": float("nan"), "feature_spread": float("nan")}
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    variances = np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2
    shares = variances[variances > 0] / max(variances.sum(), 1e-30)
    rank = np.exp(-np.sum(shares * np.log(shares)))
    return {"effective_rank": float(rank), "feature_spread": float(np.sqrt(unit.var(0).sum()))}
