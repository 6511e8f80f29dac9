"""Plots of what a model is like inside, after the figures of the papers."""

import numpy as np

MAPS = 7  # rows and columns of small maps of positions, at most
FILTERS = 28  # as in the paper, in rows of 7
PER_ROW = 7
BINS = 80  # of lengths of tokens
BAND = ("#c2571a", "#1f77b4", "#2b8a3e")  # colours of prefix tokens
DOT, LINE, REFERENCE = "#1f77b4", "#c2571a", "#7a8794"


def positions_figure(similarity):
    """Draws for some places how similar their position is to that of each place.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, centre).

    Args:
        similarity: As `keras_vit.interpret.position_similarity` returns it, `(h, w, h, w)`.

    Returns:
        A `matplotlib.figure.Figure` with the maps, of at most `MAPS` rows and columns of places
        that are spread evenly, and a colour bar.
    """
    rows, columns = similarity.shape[:2]
    down, right = _spread(rows), _spread(columns)
    gap = max(1, round(max(rows, columns) / 14))
    maps = similarity[np.ix_(down, right)]
    maps = np.pad(maps, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    height, width = maps.shape[2:]
    sheet = maps.transpose(0, 2, 1, 3).reshape(len(down) * height, len(right) * width)
    sheet = sheet[:-gap, :-gap]
    ratio = np.clip(sheet.shape[0] / sheet.shape[1], 0.25, 2)
    title, size = "similarity of positions, a map for each patch", (6, 4.6 * ratio + 0.8)
    figure, axes = _axes(title, "column of the patch", "row of the patch", size)
    shown = axes.imshow(sheet, vmin=-1, vmax=1)
    axes.set_xticks(np.arange(len(right)) * width + (columns - 1) / 2, labels=right)
    axes.set_yticks(np.arange(len(down)) * height + (rows - 1) / 2, labels=down)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _bar(figure, shown, axes, "cosine")
    return figure


def filters_figure(filters, shares):
    """Draws the principal components of the filters that embed a patch, the strongest first.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, left). Grey is zero. Three channels
    are the colours; of another number, each channel is a grey picture beside the others.

    Args:
        filters: As `keras_vit.interpret.patch_filters` returns them, `(n, P, P, C)`; at most the
            first `FILTERS` are drawn, of many channels fewer.
        shares: The shares of the variance, `(n,)`.

    Returns:
        A `matplotlib.figure.Figure` with one of `axes` for each component.
    """
    from matplotlib.figure import Figure

    side, channels = filters.shape[2:]
    beside = 1 if channels == 3 else channels
    columns = max(2, PER_ROW // beside)
    filters = filters[: min(FILTERS, PER_ROW * columns)]
    rows = -(-len(filters) // columns)
    if channels != 3:
        filters = filters.transpose(0, 1, 3, 2).reshape(len(filters), side, channels * side, 1)
    width, height = max(5, columns * min(beside, PER_ROW) * 0.85), rows * 1.05 + 0.5
    figure = Figure(figsize=(width, height))
    figure.suptitle("principal components of the patch filters, share of variance", fontsize=10)
    # Not by constrained layout, which takes a second for so many.
    figure.subplots_adjust(0.01, 0.02, 0.99, 1 - 0.6 / height, wspace=0.1, hspace=0.3)
    pairs = zip(filters, shares, strict=False)
    for place, (each, share) in enumerate(pairs, start=1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(0.5 + 0.5 * each / np.abs(each).max(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{share:.1%}", fontsize=8, pad=2)
        axes.axis("off")
    return figure


def distances_figure(distances, uniform):
    """Draws how far each head attends, over the blocks.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929, figure 7, right).

    Args:
        distances: Mean distances in pixels by block and head, `(L, heads)`.
        uniform: That of a head that attends to all patches alike.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure, axes = _axes("mean distance of attention", "block", "pixels", (5, 3.4))
    blocks = np.arange(len(distances))
    across = np.repeat(blocks, distances.shape[1])
    axes.plot(across, distances.ravel(), "o", color=DOT, alpha=0.6, label="head")
    axes.plot(blocks, distances.mean(1), color=LINE, label="mean of the heads")
    axes.axhline(uniform, color=REFERENCE, linestyle="--", linewidth=1, label="all patches alike")
    axes.set_ylim(0)
    axes.set_xticks(_spread(len(distances), 13))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return figure


def layers_figure(similarity):
    """Draws how similar what the blocks give is, as a heat map.

    "Do Vision Transformers See Like Convolutional Neural Networks?" (arXiv:2108.08810, figure 1).

    Args:
        similarity: As `keras_vit.interpret.layer_similarity` returns it, `(L+1, L+1)`: the first
            is what the embedding gives.

    Returns:
        A `matplotlib.figure.Figure` with a colour bar.
    """
    figure, axes = _axes("similarity of what the blocks give", "block", "block", (5.6, 4.6))
    shown = axes.imshow(similarity, vmin=0, vmax=1, cmap="magma", origin="lower")
    _name_layers(axes.set_xticks, len(similarity))
    _name_layers(axes.set_yticks, len(similarity))
    _bar(figure, shown, axes, "CKA of the mean patch")
    return figure


def norms_figure(norms, kinds, long):
    """Draws how many patches are how long after each block, and how long other tokens are.

    "Vision Transformers Need Registers" (arXiv:2309.16588, figures 3 and 4).

    Args:
        norms: As `keras_vit.interpret.token_norms` returns them, `(N, L+1, T)`.
        kinds: Slices of the tokens by the names of their kinds; one is called `"patches"`.
        long: How many times as long as the median a patch is that is called long.

    Returns:
        A `matplotlib.figure.Figure` with a colour bar.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator

    patches = np.moveaxis(norms[..., kinds["patches"]], 1, 0).reshape(norms.shape[1], -1)
    positive = patches[patches > 0]
    low, high = (positive.min(), positive.max()) if positive.size else (1, 1)
    edges = np.geomspace(low / 1.05, high * 1.05, BINS + 1)
    counts = np.array([np.histogram(np.clip(x, low, high), edges)[0] for x in patches])
    shares = np.where(counts, counts / patches.shape[1], np.nan)
    median = np.median(patches, axis=1)
    figure, axes = _axes("lengths of tokens after each block", "block", "length", (5.6, 4.4))
    layers = np.arange(len(patches))
    scale = LogNorm(min(0.5 / patches.shape[1], 0.1), 1)
    shown = axes.pcolormesh(np.arange(len(patches) + 1) - 0.5, edges, shares.T, norm=scale)
    axes.plot(layers, median, color="black", label="median patch")
    axes.plot(layers, long * median, color="black", linestyle=":", label=f"{long} times as long")
    others = (name for name in kinds if name != "patches")
    for name, colour in zip(others, BAND, strict=False):
        lengths = np.median(norms[..., kinds[name]], axis=(0, 2))
        axes.plot(layers, lengths, color=colour, marker=".", label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    _name_layers(axes.set_xticks, len(patches))
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=3)
    _bar(figure, shown, axes, "share of the patches")
    return figure


def _spread(count, most=MAPS):
    """Returns at most `most` of the integers below `count`, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _name_layers(set_ticks, count):
    """Names the ticks of an axis by the layers: the embedding, and the blocks by their numbers."""
    places = _spread(count, 13)
    set_ticks(places, labels=["embed", *places[1:] - 1])


def _axes(title, across, up, size):
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    return figure, axes


def _bar(figure, shown, axes, label):
    bar = figure.colorbar(shown, ax=axes)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
