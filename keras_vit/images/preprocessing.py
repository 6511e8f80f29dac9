"""What evaluation does to a picture before a model sees it, as models and artefacts remember it."""

from keras_vit.errors import UserError

INTERPOLATIONS = ("bicubic", "bilinear")
SMALLEST_RATIO = 0.05  # what is cut away is resized, too: a stranger's file could ask for anything


def cut_told(told):
    """Returns how a picture is cut, as `graph_crop.cut_middle` takes it, and nothing else.

    Args:
        told: A dictionary that says `crop_ratio` and `interpolation`, and more, perhaps. Of what it
            leaves out, pictures are seen whole and are resized bicubically.

    Returns:
        A dictionary of the two.

    Raises:
        ValueError: If it is no dictionary, or says what cannot be done.
    """
    if not isinstance(told, dict):
        raise UserError(f"Preprocessing must be a dictionary: received {str(told)[:50]}.")
    ratio, interpolation = told.get("crop_ratio", 1.0), told.get("interpolation", "bicubic")
    if not isinstance(ratio, int | float) or not SMALLEST_RATIO <= ratio <= 1:
        raise UserError(
            f"`crop_ratio` must lie in [{SMALLEST_RATIO}, 1]: received {str(ratio)[:50]}."
        )
    if interpolation not in INTERPOLATIONS:
        raise UserError(
            f"`interpolation` must be bicubic or bilinear: received {str(interpolation)[:50]}."
        )
    return dict(crop_ratio=ratio, interpolation=interpolation)
