"""Training images with what is to be learned of them, and samples of test images."""

import numpy as np
from keras import tree
from PIL import Image


def titled(task, images, targets):
    """Draws what is to be learned on images, for a gallery.

    Args:
        task: The `keras_vit.tasks.Task`.
        images: Batch `(B, H, W, C)`, 0 to 255.
        targets: Truth or targets `(B, ...)`.

    Returns:
        The images, drawn on by `task.picture`, and `B` titles by `task.title`; both are as before,
        or empty, where the task has no such function.
    """
    titles = titles_of(task, targets, len(images))
    if task.picture is not None:
        pairs = ((image, row(targets, place)) for place, image in enumerate(images))
        images = np.stack([task.picture(*pair) for pair in pairs])
    return images, titles


def titles_of(task, targets, count):
    """Returns the titles of `count` targets by `task.title`, empty texts where it has none."""
    if task.title is None:
        return [""] * count
    return [task.title(row(targets, place)) for place in range(count)]


def row(structure, place):
    """Returns one example of an array `(B, ...)`, or of a structure of such arrays."""
    return tree.map_structure(lambda array: array[place], structure)


def first_of(structure, count):
    """Returns the first examples of an array `(B, ...)`, or of a structure of such arrays."""
    return tree.map_structure(lambda array: array[:count], structure)


def pick_samples(titles, count):
    """Picks images of as many different titles as possible, spread evenly over the titles.

    Args:
        titles: Labels or titles of the images `(N,)`.
        count: How many images to pick.

    Returns:
        A list of at most `count` indices: one image of each of `count` titles or, if there are
        fewer titles, one image of each title in turn.
    """
    titles = np.asarray(titles)
    places = [np.flatnonzero(titles == title) for title in np.unique(titles)]
    spread = np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)
    turns = max(map(len, places))
    in_turn = [places[i][turn] for turn in range(turns) for i in spread if turn < len(places[i])]
    return in_turn[:count]


def write_samples(folder, images, titles):
    """Writes images as `folder/<index>-is-<title>.png`, or `folder/<index>.png` without a title.

    Args:
        folder: The folder, a `pathlib.Path`; made if it is missing.
        images: uint8 `(N, H, W, C)` of one or three channels.
        titles: `N` texts, which may be empty.
    """
    folder.mkdir(exist_ok=True)
    for index, (image, title) in enumerate(zip(images, titles, strict=True)):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        name = f"{index}-is-{title}" if title else str(index)
        Image.fromarray(pixels).save(folder / f"{name.replace('/', '-')}.png")
