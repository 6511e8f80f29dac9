"""A sample: a dict of tensors with a fixed vocabulary. What is not known of it is absent.

| key | what it holds |
|---|---|
| `image` | `(H, W, C)`, uint8; before it is decoded, the bytes of a picture, a string `()` |
| `label` | `()`, an integer: the class of the picture |
| `mask` | `(H, W)`, integers: the class of each pixel; before it is decoded, bytes too |
| `boxes` | `(M, 4)`, float32: `(x_min, y_min, x_max, y_max)` in pixels from the top left corner |
| `box_labels` | `(M,)`, integers: the class of each box; -1 marks a place without a box |
| `target` | `(H, W, C)`, any numbers: an image to be answered, of the size of `image`; bytes too |
| `clip` | `(F, H, W, C)`: the frames of a video, in place of `image` |
| `views` | `(V, h, w, C)`: several crops of one picture, which are made after all that moves |
| `weight` | `()`, float32: what the example counts in the loss, for a task that asks for it |

No source holds a `key`, `()`, uint64. The pipeline adds it for an `example` that draws at random,
which says so by its attribute `draws`. In training the key depends on the seed and the place in the
stream, in an evaluation only on the place in the split.

A box around a whole picture is `(0, 0, W, H)`; a place without a box is all zeros. A box that is
neither learned nor counted has the label `-2 - class`, see `keras_vit.data.ignored_boxes`. A batch
of samples is a dict of the same keys, and each tensor has one axis more, the first.
"""

from keras_vit.errors import UserError

KEYS = ("image", "label", "mask", "boxes", "box_labels", "target", "clip", "views", "weight")


def check_sample(sample):
    """Checks the keys of a sample.

    Args:
        sample: What a split reads: a dict of tensors, or of what describes them.

    Returns:
        The sample.

    Raises:
        ValueError: If it is no dict with an `image` or a `clip`, or a key is not in the vocabulary.
    """
    keys = list(sample) if isinstance(sample, dict) else type(sample).__name__
    has_pixels = isinstance(sample, dict) and ("image" in sample or "clip" in sample)
    if not has_pixels or not sample.keys() <= set(KEYS):
        raise UserError(
            "A sample must be a dict with `image` or `clip`, and any of "
            f"{', '.join(key for key in KEYS if key not in ('image', 'clip'))}: received {keys}."
        )
    return sample


def named_key(keys):
    """Chooses what the names of the classes of a source belong to.

    Args:
        keys: Keys of its samples.

    Returns:
        `"label"`, if samples have one, else `"box_labels"`, else `"mask"`; `None` without any.
    """
    return next((key for key in ("label", "box_labels", "mask") if key in keys), None)


def image_and_label(sample):
    """Splits samples into their images and labels.

    Args:
        sample: A batch of samples.

    Returns:
        Images `(B, H, W, C)` and labels `(B,)`.

    Raises:
        ValueError: If the samples have no labels.
    """
    if "label" not in sample:
        raise UserError(f"Samples must have labels: received samples with {', '.join(sample)}.")
    return sample["image"], sample["label"]


def made(example, sample, keys):
    """Returns what an `example` makes of samples, which have a `key` if it draws.

    Args:
        example: A function from a batch of samples; one that draws has a true attribute `draws`.
        sample: The batch of samples.
        keys: A function without arguments that returns their keys, uint64 `(B,)`.

    Returns:
        What `example` returns.
    """
    return example(sample | {"key": keys()} if getattr(example, "draws", False) else sample)
