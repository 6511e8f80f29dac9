"""How faithful maps are: what an answer does when what they point at is taken away."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_vit.interpret.anatomy import anatomy, question
from keras_vit.interpret.left_out import check_patches_can_go, numbers_of_patches

STEPS = tuple(np.arange(1, 10) / 10)  # shares that are taken away
BLUR = 5.0  # standard deviation in pixels of what an insertion begins with, of RISE's 11x11 kernel
POINTS = 14  # of the curve of an insertion or a deletion, after its first


class Perturbation(NamedTuple):
    """What maps of `N` images are worth.

    Attributes:
        positive: Share of the steps at which an image is still named alike when what speaks for
            its answer is taken away first, `(N,)`; low is good.
        negative: The same when what speaks least is taken away first; high is good.
    """

    positive: np.ndarray
    negative: np.ndarray


def pixel_perturbation(answer: Callable, images, maps):
    """Takes pixels away, as "Transformer Interpretability Beyond Attention Visualization" does.

    arXiv:2012.09838, section 4: a tenth of the pixels, then two tenths, up to nine, become black,
    before the model scales them. The answer that counts is that of the whole image.

    Args:
        answer: A classifier, or a function from images to its logits.
        images: Images `(B, H, W, C)`, 0 to 255.
        maps: Maps `(B, H, W)`, or smaller ones, which are enlarged to the images.

    Returns:
        A `Perturbation`.
    """
    images = np.asarray(images, "float32")
    order = _order(enlarged(maps, images.shape[1:3]).reshape(len(images), -1))
    flat = images.reshape(len(images), -1, images.shape[-1])

    def hidden(gone):
        without = np.array(flat)
        np.put_along_axis(without, gone[..., None], 0, axis=1)
        return answer(without.reshape(images.shape))

    return _perturbed(answer(images), order, hidden)


def token_perturbation(model, images, maps, *, of_patches: Callable | None = None):
    """Takes tokens away in place of pixels, so that the model sees nothing that it has never seen.

    Args:
        model: A classifier.
        images: Images `(B, H, W, C)`, 0 to 255.
        maps: Maps `(B, h, w)` of one number per patch, or larger ones, of which a patch gets the
            mean.
        of_patches: What `keras_vit.interpret.left_out.numbers_of_patches` returns; by default it is
            made anew.

    Returns:
        A `Perturbation`.

    Raises:
        ValueError: If the model cannot do without a patch.
    """
    check_patches_can_go(model)
    parts, asked = anatomy(model), question(model)
    of_patches = of_patches or numbers_of_patches(model, asked)
    images = ops.convert_to_tensor(images)
    order = _order(shrunk(maps, parts.embed.grid).reshape(len(images), -1))
    places = np.arange(order.shape[1])

    def hidden(gone):
        kept = np.stack([np.setdiff1d(places, each) for each in gone])
        return of_patches(images, kept)

    return _perturbed(asked.of(images), order, hidden)


def deletion(answer: Callable, images, maps):
    """Measures how fast the answer goes when the pixels that speak for it become black.

    "RISE: Randomized Input Sampling for Explanation of Black-box Models" (arXiv:1806.07421,
    section 4.2): the area below the probability of the class, by the trapezoidal rule, over the
    share of the pixels that are taken away, the highest of the map first.

    Args:
        answer: A classifier, or a function from images to its logits.
        images: Images `(B, H, W, C)`, 0 to 255.
        maps: As `pixel_perturbation` takes them.

    Returns:
        Areas `(B,)` from 0 to 1; low is good.
    """
    images = np.asarray(images, "float32")
    return _area(answer, images, images, np.zeros_like(images), maps)


def insertion(answer: Callable, images, maps):
    """Measures how fast the answer comes when the pixels that speak for it are put into a blur.

    Args:
        answer: A classifier, or a function from images to its logits.
        images: Images `(B, H, W, C)`, 0 to 255.
        maps: As `pixel_perturbation` takes them.

    Returns:
        Areas `(B,)` from 0 to 1, as those of `deletion`; high is good.
    """
    from scipy import ndimage

    images = np.asarray(images, "float32")
    blurred = ndimage.gaussian_filter(images, (0, BLUR, BLUR, 0), truncate=1)  # 11x11 pixels
    return _area(answer, images, blurred, images, maps)


def enlarged(maps, size):
    """Enlarges maps `(B, h, w)` to `(B, *size)`, bilinearly."""
    maps = ops.convert_to_tensor(np.asarray(maps, "float32")[..., None])
    return ops.convert_to_numpy(ops.image.resize(maps, size, "bilinear"))[..., 0]


def shrunk(maps, grid):
    """Shrinks maps `(B, H, W)` to the means of patches `(B, *grid)`, each of the same size."""
    maps = np.asarray(maps, "float32")
    (rows, columns), (height, width) = grid, maps.shape[1:]
    return maps.reshape(-1, rows, height // rows, columns, width // columns).mean((2, 4))


def _order(values):
    """Returns the places of values `(B, N)`, the highest first."""
    return np.argsort(-values, axis=1, kind="stable")


def _perturbed(whole: np.ndarray, order, hidden: Callable[[np.ndarray], np.ndarray]):
    """Returns how often images are named as before while more and more places are hidden."""
    named = np.argmax(ops.convert_to_numpy(whole), axis=-1)
    shares = []
    for each in (order, order[:, ::-1]):
        hits = [
            np.argmax(ops.convert_to_numpy(hidden(each[:, : round(step * each.shape[1])])), axis=-1)
            for step in STEPS
        ]
        shares.append(np.mean(np.equal(hits, named), axis=0))
    return Perturbation(*shares)


def _area(answer: Callable, images, before, after, maps):
    """Returns the area below the probability of the class while pixels are replaced."""
    order = _order(enlarged(maps, images.shape[1:3]).reshape(len(images), -1))
    flat, new = (each.reshape(len(images), -1, images.shape[-1]) for each in (before, after))
    named = np.argmax(ops.convert_to_numpy(answer(images)), axis=-1)
    curve = []
    for share in np.linspace(0, 1, POINTS + 1):
        places = order[:, : round(share * order.shape[1]), None]
        mixed = np.array(flat)
        np.put_along_axis(mixed, places, np.take_along_axis(new, places, axis=1), axis=1)
        logits = answer(mixed.reshape(images.shape))
        chances = ops.convert_to_numpy(ops.softmax(ops.cast(logits, "float32"), axis=-1))
        curve.append(np.take_along_axis(chances, named[:, None], axis=1)[:, 0])
    return np.trapezoid(curve, dx=1 / POINTS, axis=0)
