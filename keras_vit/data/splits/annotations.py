"""Checks the arrays that come beside images in memory: masks, boxes, targets and weights."""

import numpy as np

from keras_vit.errors import UserError


def check_annotations(shape, arrays):
    """Checks what is known of images in memory besides their labels.

    Args:
        shape: Shape of the images, `(N, H, W, C)`.
        arrays: Arrays by their keys in a sample: any of `mask` `(N, H, W)`, `target`
            `(N, H, W, C)`, `weight` `(N,)`, and `boxes` `(N, M, 4)` with `box_labels` `(N, M)`.

    Returns:
        The arrays; `boxes` and `weight` as float32 and `box_labels` as int64.

    Raises:
        ValueError: If a shape or dtype is another, boxes come without labels, or a side of one is
            not finite.
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    most = (*arrays["boxes"].shape, 0, 0)[1] if "boxes" in arrays else 0
    wanted = {"mask": shape[:3], "boxes": (shape[0], most, 4), "box_labels": (shape[0], most)}
    channels = arrays["target"].shape[-1:] if "target" in arrays else ()
    wanted |= {"target": (*shape[:3], *channels), "weight": shape[:1]}
    for name, array in arrays.items():
        is_number = np.issubdtype(array.dtype, np.number)
        if name not in wanted or array.shape != wanted[name] or not is_number:
            raise UserError(
                f"Beside images {shape} may be mask (N, H, W), boxes (N, M, 4), box_labels (N, M), "
                "target (N, H, W, C) and weight (N,): "
                f"received {name} {array.dtype} {array.shape}."
            )
        if name in ("mask", "box_labels") and not np.issubdtype(array.dtype, np.integer):
            raise UserError(f"Classes must be integers: received {name} of {array.dtype}.")
    if ("boxes" in arrays) != ("box_labels" in arrays):
        raise UserError(f"`boxes` and `box_labels` go together: received {', '.join(arrays)}.")
    if "boxes" in arrays:
        strange = arrays["box_labels"][..., None] != -1
        strange = strange & ~np.isfinite(arrays["boxes"])
        if strange.any():
            example, place, _ = np.argwhere(strange)[0]
            raise UserError(
                "The sides of a box must be finite: received "
                f"{arrays['boxes'][example, place].tolist()} in example {example}."
            )
    dtypes = {"boxes": "float32", "weight": "float32", "box_labels": "int64"}
    return {name: array.astype(dtypes.get(name, array.dtype)) for name, array in arrays.items()}
