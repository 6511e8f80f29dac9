"""Plots of what a model is like inside: what is drawn where."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from keras_vit.interpret import inside_plots

RNG = np.random.default_rng(0)


def drawn(figure):
    """Draws a figure, which must not warn, and returns its axes; those of colour bars are last."""
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    assert min(Image.open(file).size) >= 150
    return figure.axes


def labels(ticks):
    return [each.get_text() for each in ticks]


@pytest.mark.parametrize(
    "grid,down,right",
    [
        ((2, 3), ["0", "1"], ["0", "1", "2"]),
        ((14, 25), ["0", "2", "4", "6", "9", "11", "13"], ["0", "4", "8", "12", "16", "20", "24"]),
        ((1, 1), ["0"], ["0"]),
    ],
)
def test_maps_of_positions_stand_where_their_patches_are(grid, down, right):
    similarity = RNG.uniform(-1, 1, (*grid, *grid))
    axes, bar = drawn(inside_plots.positions_figure(similarity))
    assert labels(axes.get_yticklabels()) == down and labels(axes.get_xticklabels()) == right
    assert bar.get_ylabel() == "cosine"
    sheet = np.asarray(axes.images[0].get_array())
    at = [int(axes.get_yticks()[-1] - (grid[0] - 1) / 2), int(axes.get_xticks()[0])]
    at[1] -= int((grid[1] - 1) / 2)
    last = sheet[at[0] : at[0] + grid[0], at[1] : at[1] + grid[1]]
    np.testing.assert_array_equal(last, similarity[-1, 0])


@pytest.mark.parametrize(
    "channels,shape,count", [(3, (4, 4, 3), 28), (1, (4, 4, 1), 28), (4, (4, 16, 1), 14)]
)
def test_each_filter_is_a_picture(channels, shape, count):
    filters = RNG.normal(size=(30, 4, 4, channels))
    shares = np.linspace(0.06, 0.01, 30)
    axes = drawn(inside_plots.filters_figure(filters, shares))
    assert len(axes) == count and axes[0].get_title() == "6.0%"
    picture = np.asarray(axes[1].images[0].get_array()).reshape(shape)
    assert 0 <= picture.min() and picture.max() <= 1
    expected = filters[1] / np.abs(filters[1]).max()
    if channels == 4:  # the third channel stands at the third place
        picture, expected = picture[:, 8:12], expected[..., 2:3]
    np.testing.assert_allclose(2 * picture - 1, expected)
    assert len(drawn(inside_plots.filters_figure(filters[:3], shares[:3]))) == 3


def test_each_head_is_a_dot():
    distances = RNG.uniform(10, 90, (5, 3))
    (axes,) = drawn(inside_plots.distances_figure(distances, 70.0))
    dots, mean, uniform = axes.lines
    np.testing.assert_array_equal(dots.get_ydata().reshape(5, 3), distances)
    np.testing.assert_array_equal(dots.get_xdata().reshape(5, 3)[3], 3)
    np.testing.assert_array_equal(mean.get_ydata(), distances.mean(1))
    assert set(uniform.get_ydata()) == {70.0}


@pytest.mark.parametrize("count,last", [(2, "0"), (13, "11"), (41, "39")])
def test_layers_are_a_heat_map(count, last):
    similarity = RNG.uniform(size=(count, count))
    axes, bar = drawn(inside_plots.layers_figure(similarity))
    np.testing.assert_array_equal(axes.images[0].get_array(), similarity)
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert labels(ticks)[0] == "embed" and labels(ticks)[-1] == last
    assert "CKA" in bar.get_ylabel()


def test_lengths_are_counted_after_each_block():
    kinds = {"class token": slice(0, 1), "registers": slice(1, 4), "patches": slice(4, 10)}
    norms = RNG.uniform(1, 2, (5, 3, 10))
    norms[:, :, 4] = 0  # a black patch without a position
    norms[2, 2, 9] = 50
    norms[:, :, 0] = 20
    axes, bar = drawn(inside_plots.norms_figure(norms, kinds, 3))
    assert labels(axes.get_xticklabels()) == ["embed", "0", "1"]
    named = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert list(named) == ["median patch", "3 times as long", "class token", "registers"]
    np.testing.assert_array_equal(named["class token"], 20)
    np.testing.assert_allclose(named["registers"][1], np.median(norms[:, 1, 1:4]))
    (mesh,) = axes.collections
    shares = np.ma.filled(mesh.get_array(), np.nan)  # bins, layers
    np.testing.assert_allclose(np.nansum(shares, 0), 1)
    assert shares[-1, 2] == pytest.approx(1 / 30) and np.isnan(shares[-1, 1])
    assert "share" in bar.get_ylabel()


def test_lengths_that_are_all_the_same_are_drawn():
    drawn(inside_plots.norms_figure(np.zeros((1, 2, 1)), {"patches": slice(0, 1)}, 3))
