"""Plots in the user's own axes: labelled, in one colour per theory, nothing cut in a column, light and dark."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

from idealscore.compare import (
    Comparison,
    compare,
    linearity,
    plot_agreement,
    plot_copies,
    plot_crossovers,
    plot_denoising_error,
    plot_examples,
    plot_explained,
    plot_linearity,
    plot_memorisation,
    plot_regime_map,
    plot_score_gap,
    plot_test_train_gap,
    plot_transition_lines,
    regime_figure,
)
from idealscore.compare import plot as plots
from idealscore.compare.comparison import optima
from idealscore.compare.plot._axes import covered, plain_ticks
from idealscore.errors import ArgumentError, UnknownNameError
from idealscore.learned import data
from idealscore.paper_figs import catalogue
from idealscore.paper_figs._layout import layout_faults
from idealscore.theory import transition

COLUMN = 3.25
STYLES = ("default", "dark_background")
OF_COMPARISON = (plot_score_gap, plot_explained, plot_memorisation, plot_denoising_error, plot_transition_lines)
OF_MAP = (plot_regime_map, plot_copies, plot_test_train_gap, plot_agreement, plot_crossovers)


@pytest.fixture(scope="module")
def comparison():
    digits = data.load("digits")
    training, held_out = digits.subset(80).split(30)
    network = optima(training, ("mixture",))["mixture"]
    return compare(network, training, held_out, Comparison(levels=5, n_images=12, n_noise=1, patch_size=3), show=False)


@pytest.fixture(scope="module")
def regimes():
    return catalogue.saved("regime_map")


@pytest.fixture(scope="module")
def line():
    x = data.load("digits").images[:40]
    return linearity(lambda x, sigma: x.tanh(), x, [0.1, 1.0, 10.0], alpha_squared=[0.2, 0.5], n_pairs=20, show=False)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def result_of(comparison, regimes, line):
    def found(plot):
        return line if plot is plot_linearity else comparison if plot in OF_COMPARISON else regimes

    return found


def panel():
    return plt.subplots(figsize=(COLUMN, 2.6), layout="constrained")


def test_every_plot_is_tested_here():
    assert {one.__name__ for one in (*OF_COMPARISON, *OF_MAP, plot_linearity, plot_examples)} == set(plots.__all__)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("look", STYLES)
@pytest.mark.parametrize("plot", [*OF_COMPARISON, *OF_MAP, plot_linearity], ids=lambda plot: plot.__name__)
@pytest.mark.sampled(0.5)
def test_a_plot_labels_itself_and_cuts_nothing_in_a_column(plot, look, result_of):
    result = result_of(plot)
    before, kept = dict(mpl.rcParams), result.copy(deep=True)
    with plt.style.context(look):
        figure, ax = panel()
        assert plot(result, ax=ax) is ax
        assert layout_faults(figure) == []
        assert ax.get_xlabel()
        if plot is not plot_transition_lines:
            assert ax.get_ylabel()
        words = ax.get_xlabel() + ax.get_ylabel()
        assert r"\sigma" in words or "$n$" in words
    assert dict(mpl.rcParams) == before
    assert result.identical(kept)


@pytest.mark.parametrize("look", [STYLES[0], pytest.param(STYLES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("plot", [*OF_COMPARISON[:-1], *OF_MAP], ids=lambda plot: plot.__name__)
@pytest.mark.sampled(0.5)
def test_a_legend_covers_nothing_in_a_column(plot, look, result_of):
    with plt.style.context(look):
        figure, ax = panel()
        plot(result_of(plot), ax=ax)
    figure.canvas.draw()
    drawn = ax.get_legend()
    assert drawn is not None and not covered(ax, drawn.get_window_extent())
    assert ax.bbox.height > figure.bbox.height / 4


def test_what_a_legend_covers_is_seen():
    figure, ax = panel()
    ax.plot([0, 1], [0, 1], label="one")
    ax.fill_between([2, 3], [0, 0], [1, 1])
    figure.canvas.draw()
    boxes = [Bbox(ax.transData.transform([(a, 0.4), (a + 0.2, 0.6)])) for a in (0.4, 2.9, 1.4)]
    assert [covered(ax, box) for box in boxes] == [True, True, False]
    ax.pcolormesh([1, 2], [0, 1], [[1.0]])
    assert covered(ax, boxes[2])


def test_marked_transitions_leave_the_legend_to_another_panel(comparison):
    figure, ax = panel()
    plot_score_gap(comparison, ax=ax, transitions=True, legend=False)
    assert len(ax.texts) >= comparison.sizes["transition"]
    assert layout_faults(figure) == []


@pytest.mark.parametrize("look", STYLES)
@pytest.mark.parametrize("size", [(3.25, 2.6), (7.0, 4.0)])
def test_names_of_transitions_cover_no_curve(size, look, comparison):
    with plt.style.context(look):
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        plot_score_gap(comparison, ax=ax, transitions=True, legend=False)
    figure.canvas.draw()
    curves = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in curves])
    lowest = ax.transData.transform((1.0, heights[heights > 0].min()))[1]  # a theory that misses nothing has no place
    names = {str(name).split(" (")[0] for name in comparison.transition.values}
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() in names]
    assert len(boxes) == comparison.sizes["transition"] and max(box.y1 for box in boxes) < lowest
    assert ax.get_autoscaley_on()
    ax.plot([1.0], [1e-30])
    assert ax.get_ylim()[0] < 1e-30


def test_a_range_that_the_user_has_set_stays(comparison):
    _, ax = panel()
    ax.set_ylim(0.5, 2)
    plot_transition_lines(comparison, ax=ax)
    assert ax.get_ylim() == (0.5, 2)


@pytest.mark.parametrize("look", STYLES)
def test_examples_fit_a_page_and_a_part_of_a_figure(look, comparison):
    with plt.style.context(look):
        figure = plt.figure(figsize=(10.0, 5.0), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(2.6, 1))  # pyright: ignore[reportGeneralTypeIssues]
        axes = plot_examples(comparison, figure=left)
        plot_score_gap(comparison, ax=right.subplots(), steps=False, legend=False)
        assert axes.shape == (comparison.sizes["example_sigma"], comparison.sizes["panel"])
        assert layout_faults(figure) == []


@pytest.mark.parametrize("plot", OF_COMPARISON[:-1])
def test_a_theory_has_one_colour_everywhere_and_a_legend(plot, comparison):
    ax = plot(comparison)
    drawn = ax.get_legend()
    legend = {text.get_text(): handle for text, handle in zip(drawn.get_texts(), drawn.legend_handles, strict=True)}
    first = {line.get_label(): line.get_color() for line in plot_score_gap(comparison).get_lines()}
    for name in comparison.theory.values:
        assert legend[name].get_color() == first[name]
    assert len({first[name] for name in comparison.theory.values}) == comparison.sizes["theory"]
    assert plot(comparison, legend=False, ax=panel()[1]).get_legend() is None


def test_theories_of_ones_own_have_different_colours(comparison):
    mine = comparison.isel(theory=[0, 1]).assign_coords(theory=["mine", "yours"])
    lines = {line.get_label(): line.get_color() for line in plot_denoising_error(mine).get_lines()}
    assert len({lines["mine"], lines["yours"], lines["network"]}) == 3
    assert plot_denoising_error(mine).get_ylabel().endswith("per entry")


def test_the_lines_are_the_numbers(comparison):
    held_out = comparison.sel(split="held-out")
    for plot, values in (
        (plot_score_gap, 1 - held_out.explained_variance),
        (plot_explained, held_out.explained_variance),
    ):
        lines = {line.get_label(): line.get_ydata() for line in plot(comparison).get_lines()}
        for name in held_out.theory.values:
            assert np.allclose(lines[name], values.sel(theory=name))
    lines = {line.get_label(): line.get_ydata() for line in plot_memorisation(comparison).get_lines()}
    errors = comparison.network_denoising_error
    assert np.allclose(lines["network"], errors.sel(split="training") / errors.sel(split="held-out"))


def test_black_is_white_on_dark():
    with plt.style.context("dark_background"):
        _, ax = panel()
        _, clear = panel()
        clear.patch.set_alpha(0)
    from idealscore._support.style import ink

    assert {ink(ax, "network"), ink(clear, "network")} == {"#FFFFFF"}
    assert ink(panel()[1], "network") == "#000000"


def test_two_plots_share_axes_with_one_upper_axis(comparison):
    _, ax = panel()
    plot_score_gap(comparison, ax=ax, transitions=False)
    plot_transition_lines(comparison, ax=ax)
    assert len(ax.child_axes) == 1


def test_transitions_are_marked_where_they_are():
    law = transition.Law("one", equation="", reference="Biroli2024", unit="SNR")
    mask = transition.Law("mask", equation="", reference="Biroli2024", unit="mask fraction").at(0.3)
    ax = plot_transition_lines([law.at(0.25, 0.05), mask, law.absent("no reason")])
    assert [text.get_text() for text in ax.texts] == ["one"]
    assert ax.get_lines()[0].get_xdata()[0] == pytest.approx(2.0)  # pyright: ignore[reportIndexIssue]
    left, right = ax.patches[0].get_x(), ax.patches[0].get_x() + ax.patches[0].get_width()  # pyright: ignore[reportAttributeAccessIssue]
    assert (right - left) / 2 == pytest.approx(2.0**3 / 2 * 0.05)
    with pytest.raises(ArgumentError, match="no noise level"):
        plot_transition_lines([mask])
    with pytest.raises(ArgumentError, match="float"):
        plot_transition_lines([1.0])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "plot", [*OF_COMPARISON, *OF_MAP, plot_linearity, plot_examples], ids=lambda plot: plot.__name__
)
def test_a_result_of_another_kind_is_refused_with_what_is_needed(plot, comparison, regimes):
    other = regimes if plot in (*OF_COMPARISON, plot_examples) else comparison
    with pytest.raises(ArgumentError, match=rf"{plot.__name__} needs a result of"):
        plot(other)
    if plot is not plot_transition_lines:
        with pytest.raises(ArgumentError, match=r"is a dict, not an xarray\.Dataset"):
            plot({})
    assert not plt.get_fignums()


def test_one_of_several_networks_must_be_picked(comparison):
    several = xr.concat([comparison, comparison], "model")
    with pytest.raises(ArgumentError, match=r"holds 2 networks; pick one: compare\.one_model"):
        plot_score_gap(several)  # pyright: ignore[reportArgumentType]


def test_unknown_choices_are_named(comparison, regimes):
    with pytest.raises(UnknownNameError, match="training"):
        plot_score_gap(comparison, split="trainin")
    with pytest.raises(UnknownNameError, match="step"):
        plot_regime_map(regimes, along="steps")
    with pytest.raises(UnknownNameError, match="cosine"):
        plot_agreement(regimes, measure="cos")
    with pytest.raises(ArgumentError, match="figure: is a"):
        plot_examples(comparison, figure=panel()[1])  # pyright: ignore[reportArgumentType]


def test_the_report_of_a_map_is_made_of_its_plots(regimes):
    figure = regime_figure(regimes)
    _, ax = panel()
    plot_crossovers(regimes, ax=ax)
    mine, theirs = (one.get_lines()[0].get_xydata() for one in (ax, figure.axes[7]))
    np.testing.assert_array_equal(np.asarray(mine, float), np.asarray(theirs, float))


def test_three_lines_from_the_package_to_a_grid_of_ones_own(comparison):
    figure, axes = plt.subplots(2, 2, figsize=(6.5, 5.2), layout="constrained")

    from idealscore.compare import plot_explained, plot_score_gap

    plot_score_gap(comparison, ax=axes[0, 1])
    plot_explained(comparison, ax=axes[1, 0])

    assert axes[0, 1].has_data() and axes[1, 0].has_data() and not axes[0, 0].has_data()
    assert layout_faults(figure) == []


def test_what_is_no_axes_and_no_noise_level_is_refused(regimes):
    wrong: Any = "left"
    for plot in OF_MAP:
        with pytest.raises(ArgumentError, match="ax: is a str; pass axes"):
            plot(regimes, ax=wrong)
    with pytest.raises(ArgumentError, match="sigma"):
        plot_test_train_gap(regimes, sigma=math.nan)
    with pytest.raises(ArgumentError, match="sigma"):
        plot_regime_map(regimes, sigma=math.nan, along="step")


def test_a_short_logarithmic_axis_has_plain_ticks_and_others_keep_theirs():
    def labels(low, high, own=None):
        figure, axes = plt.subplots()
        axes.set(xscale="log", xlim=(low, high))
        if own:
            axes.set_xticks(own, [str(one) for one in own])
        plain_ticks(axes)
        figure.draw_without_rendering()
        shown = [tick.label1.get_text() for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        return shown, [text.get_text() for text in axes.xaxis.get_minorticklabels() if text.get_text()]

    assert labels(0.19, 5.2) == (["0.2", "0.5", "1", "2", "5"], [])
    assert all("10^" in text for text in labels(0.01, 10.0)[0])  # the control: there matplotlib's own are good
    assert labels(3, 40, own=[4, 32])[0] == ["4", "32"]


def test_where_nothing_crosses_the_panel_says_so():
    found = catalogue.saved("regime_map")
    texts = [
        [text.get_text() for text in plots.plot_crossovers(one).texts]
        for one in (found, found.assign(crossover=found.crossover * np.nan))
    ]
    assert texts == [[], ["none within\nthese sizes"]]
