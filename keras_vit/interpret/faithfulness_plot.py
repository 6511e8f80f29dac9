"""Draws how faithful ways to explain are, beside maps that know nothing of the model."""

import numpy as np

from keras_vit.interpret.controls import CONTROLS
from keras_vit.interpret.faithfulness import IS_HIGH_GOOD

COLUMNS = 4
WIDTH, HEIGHT = 13.0, 0.24  # inches: of the figure, and of a row of a panel


def faithfulness_figure(table):
    """Draws means and 95 % intervals of all measures, a panel for each.

    Args:
        table: The `mean`, `low` and `high` of each measure by the names of methods and measures;
            a line marks the mean of the method `"random"`.

    Returns:
        A Matplotlib figure.
    """
    from matplotlib.figure import Figure

    names, rows = list(table), -(-len(IS_HIGH_GOOD) // COLUMNS)
    figure = Figure((WIDTH, rows * (HEIGHT * len(names) + 0.9) + 0.4), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharey=True).ravel()
    places = np.arange(len(names))
    colours = ["tab:gray" if name in CONTROLS else "tab:blue" for name in names]
    for panel, (measure, is_high_good) in zip(panels, IS_HIGH_GOOD.items(), strict=False):
        low, mean, high = (
            100 * np.array([table[name][measure][key] for name in names])
            for key in ("low", "mean", "high")
        )
        panel.axvline(mean[names.index("random")], color="tab:gray", linewidth=1, linestyle=":")
        panel.hlines(places, low, high, color=colours, linewidth=2)
        panel.scatter(mean, places, color=colours, s=24, zorder=3)
        good = "high is good →" if is_high_good else "← low is good"
        panel.set_title(f"{measure}\n{good}", fontsize=10)
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(IS_HIGH_GOOD) :]:
        panel.set_visible(False)
    panels[0].set_yticks(places, names)
    panels[0].invert_yaxis()
    figure.suptitle("Percent, with 95 % intervals; dotted: a random map", fontsize=10)
    return figure
