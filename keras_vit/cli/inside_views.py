"""What `keras-vit inside` shows of a model: numbers, what they say, and a plot."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from keras_vit.errors import first_few
from keras_vit.interpret import (
    attention_distance,
    layer_similarity,
    mean_patches,
    patch_distances,
    patch_filters,
    position_similarity,
    token_norms,
)
from keras_vit.interpret.anatomy import anatomy
from keras_vit.interpret.inside_plots import (
    distances_figure,
    filters_figure,
    layers_figure,
    norms_figure,
    positions_figure,
)

LONG = 3  # times the median: how long a patch is that is called long


class View(NamedTuple):
    """Something that a model is like inside.

    Attributes:
        arrays: All of its numbers, by name.
        values: The most telling ones, as JSON takes them.
        lines: Sentences that say these.
        figure: The plot.
    """

    arrays: dict[str, np.ndarray]
    values: dict[str, object]
    lines: list[str]
    figure: Figure


class Measure(NamedTuple):
    """How a view is made of pictures.

    Attributes:
        of_images: What is measured of images `(B, H, W, C)`, an array `(B, ...)`.
        view: Makes the `View` of such arrays of all pictures `(N, ...)`.
    """

    of_images: Callable[[np.ndarray], np.ndarray]
    view: Callable[[np.ndarray], View]


def positions(model):
    """Shows how similar the positions of patches are; arguments as `position_similarity`."""
    similarity = position_similarity(model)
    rows, columns = similarity.shape[:2]
    places = np.indices((rows, columns)).reshape(2, -1)
    down, right = np.abs(places[:, :, None] - places[:, None])  # N N
    groups = {
        "beside": down + right == 1,
        "same row": (down == 0) & (right > 1),
        "same column": (right == 0) & (down > 1),
        "elsewhere": (down > 0) & (right > 0),
    }
    pairs = similarity.reshape(down.shape)
    mean = {name: float(pairs[which].mean()) for name, which in groups.items() if which.any()}
    said = ", ".join(f"{value:.2f} {name}" for name, value in mean.items())
    values = {"mean_cosine": mean}
    lines = [f"Positions of {rows}x{columns} patches, mean cosine with other patches: {said}."]
    return View({"similarity": similarity}, values, lines, positions_figure(similarity))


def filters(model):
    """Shows the principal components of the patch filters; arguments as `patch_filters`."""
    found, shares = patch_filters(model, anatomy(model).embed.width)
    together = np.cumsum(shares)
    needed = int(np.searchsorted(together, 0.9) + 1)
    first = float(together[:3][-1])
    values = {"variance_of_first_3": first, "components_of_90_percent": needed}
    lines = [
        f"Filters of patches: the first three of {len(shares)} components hold {first:.0%} of the "
        f"variance, the first {needed} hold 90%."
    ]
    arrays = {"filters": found.astype("float32"), "shares": shares}
    return View(arrays, values, lines, filters_figure(found, shares))


def distances(model):
    """Measures how far heads attend; arguments as `attention_distance`."""
    uniform = float(patch_distances(model).mean())

    def view(found):
        by_head, names = found.mean(0), _names(model)[1:]
        by_block = dict(zip(names, by_head.mean(1).tolist(), strict=True))
        values = {"pixels": by_block, "pixels_to_all_alike": uniform}
        said = ", ".join(
            f"{by_head[at].mean():.0f} in {names[at]} "
            f"(heads {by_head[at].min():.0f} to {by_head[at].max():.0f})"
            for at in sorted({0, len(names) - 1})
        )
        lines = [f"Mean distance of attention, pixels: {said}; {uniform:.0f} to all alike."]
        return View({"distances": found}, values, lines, distances_figure(by_head, uniform))

    return Measure(attention_distance(model), view)


def layers(model):
    """Measures how similar blocks are; arguments as `mean_patches`."""

    def view(found):
        names, alike = _names(model), layer_similarity(found)
        neighbours = np.diag(alike, 1)
        least = int(neighbours.argmin())
        pair, ends = [names[least], names[least + 1]], float(alike[0, -1])
        values = {
            "least_similar_neighbours": pair,
            "cka_of_neighbours": neighbours.tolist(),
            "cka_of_first_and_last": ends,
        }
        lines = [
            f"Similarity of layers (CKA): neighbours differ most at {' and '.join(pair)}, "
            f"{neighbours[least]:.2f}; {names[0]} and {names[-1]} have {ends:.2f}."
        ]
        return View({"similarity": alike}, values, lines, layers_figure(alike))

    return Measure(mean_patches(model), view)


def norms(model):
    """Measures how long tokens are; arguments as `token_norms`."""
    kinds, names, grid = anatomy(model).tokens, _names(model), anatomy(model).embed.grid

    def view(found):
        patches = found[..., kinds["patches"]]
        median = np.median(patches, axis=(0, 2))  # L+1
        long = patches > LONG * median[:, None]
        shares = long.mean((0, 2))
        most = int(shares.argmax())
        usual = np.argwhere(long[:, most].mean(0).reshape(grid) > 0.5).tolist()
        last = {name: float(np.median(found[:, -1, which])) for name, which in kinds.items()}
        values = {
            "median_at_the_end": last,
            "times_the_median": LONG,
            "share_of_long_patches": dict(zip(names, shares.tolist(), strict=True)),
            "long_in_most_pictures": usual,
        }
        said = ", ".join(f"{length:.3g} {name}" for name, length in last.items())
        lines = [f"Median length after {names[-1]}: {said}."]
        if shares[most]:
            pictures = int(long[:, most].any(-1).sum())
            longest = (patches[:, most] / median[most]).max()
            lines.append(
                f"Patches over {LONG} times the median are most after {names[most]}: "
                f"{shares[most]:.2%}, in {pictures:,} of {len(found):,} pictures; the longest has "
                f"{longest:.1f} times."
            )
        else:
            lines.append(f"No patch is longer than {LONG} times the median of its block.")
        if usual:
            lines.append(f"Long in most pictures, by row and column: {first_few(usual, 6)}.")
        arrays = {"norms": found}
        return View(arrays, values, lines, norms_figure(found, kinds, LONG))

    return Measure(token_norms(model), view)


VIEWS = {  # a `View` of the model, or a `Measure` of pictures
    "positions": positions,
    "filters": filters,
    "distances": distances,
    "layers": layers,
    "norms": norms,
}


def _names(model):
    """Returns the names of the embedding and the blocks."""
    parts = anatomy(model)
    return [layer.name for layer in (parts.embed, *parts.blocks)]
