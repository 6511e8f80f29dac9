"""Draws a number of each class."""

import numpy as np


def class_figure(names, values, what):
    """Draws a bar for each class, the highest first, as a Matplotlib figure.

    Args:
        names: Names of the classes.
        values: A number of each class from 0 to 1, `(K,)`; NaN is left out.
        what: What the numbers are.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    from matplotlib.figure import Figure

    values = np.asarray(values, float)
    order = [index for index in np.argsort(-values) if not np.isnan(values[index])]
    figure = Figure(figsize=(7, 1 + 0.3 * len(order)), layout="constrained")
    axes = figure.subplots()
    # Matplotlib would read text between $ as a formula.
    labels = [names[index].replace("$", r"\$") for index in order]
    places = range(len(order))  # Matplotlib would draw bars of one name into one
    bars = axes.barh(places, 100 * values[order], tick_label=labels)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.set(xlim=(0, 105), xlabel=f"{what}, %")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
