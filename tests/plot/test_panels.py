"""Every panel of every figure, drawn alone: labelled, nothing cut in a column, light and dark."""

import ast
import inspect
from functools import cache

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from idealscore import paper_figs
from idealscore.compare import plot as plots
from idealscore.errors import ArgumentError, UnknownNameError
from idealscore.paper_figs import catalogue
from idealscore.paper_figs._layout import layout_faults

from checkout import ROOT

COLUMN = 3.25
PANELS = [getattr(paper_figs, name) for name in paper_figs.__all__ if name.startswith("plot_")]  # pyright: ignore[reportAttributeAccessIssue]
BARE = {"plot_concept_cube", "plot_painted_band"}  # pictures, without axes to label on every side
EMPTY_Y = BARE | {"plot_bump_canvas", "plot_clusters", "plot_transition_ratios"}
saved = cache(catalogue.saved)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(params=PANELS, ids=lambda plot: plot.__name__)
def plot(request):
    return request.param


def in_a_column():
    return plt.subplots(figsize=(COLUMN, 3.2), layout="constrained")


def chosen(plot, last):
    """The first or the last value of each choice that the result holds."""
    result = saved(plot.figure)
    held = {
        name: [value for value in values if name not in result.coords or value in result[name]]
        for name, values in plot.choice.items()
    }
    return {name: values[-1 if last else 0] for name, values in held.items()}


@cache
def needed(plot):
    """What the panel says that it needs, and nothing else."""
    result = saved(plot.figure)
    own = result[[name for name in plot.needs if name in result.data_vars]]
    own = own.assign_coords({name: result[name] for name in plot.needs if name in result.coords})
    own.attrs = {name: value for name, value in result.attrs.items() if name in plot.needs}
    return own


@pytest.mark.parametrize("look", ["default", "dark_background"])
@pytest.mark.sampled(0.2)
def test_a_panel_labels_itself_and_cuts_nothing_in_a_column(plot, look):
    result, before = needed(plot), dict(mpl.rcParams)
    kept = result.copy(deep=True)
    with plt.style.context(look), mpl.rc_context({"font.size": 8.0}):
        figure, ax = in_a_column()
        assert plot(result, ax=ax, **chosen(plot, last=look != "default")) is ax
        assert layout_faults(figure) == []
        assert ax.get_xlabel() or plot.__name__ in BARE
        assert ax.get_ylabel() or plot.__name__ in EMPTY_Y
        lines = [line.get_color() for line in ax.get_lines() if line.get_color() in ("black", "#000000", "k", "white")]
        assert not lines or plot.__name__ == "plot_phase_diagram" or look == "default"
        named = ax.get_legend_handles_labels()[1]
        assert len(named) < 2 or ax.get_legend() is not None
    assert dict(mpl.rcParams) == before
    assert result.identical(kept)


def test_a_result_of_another_kind_is_refused_with_what_is_needed(plot):
    result = saved(plot.figure)
    first = next(name for name in plot.needs if name in result.data_vars)
    with pytest.raises(ArgumentError, match=rf"holds no .*{first}.*needs the result of figure {plot.figure}"):
        plot(result.drop_vars(first))
    with pytest.raises(ArgumentError, match=r"is a dict, not an xarray\.Dataset"):
        plot({})
    for name in plot.choice:
        with pytest.raises(UnknownNameError, match=name):
            plot(result, **{name: "nonsense"})
    with pytest.raises(ArgumentError, match="colour: is no parameter"):
        plot(result, colour="red")
    assert not plt.get_fignums()


def test_a_panel_says_what_it_takes(plot):
    parameters = inspect.signature(plot).parameters
    assert list(parameters)[:3] == ["result", "ax", "legend"] and set(plot.choice) <= set(parameters)
    text = inspect.getdoc(plot)
    assert text is not None and plot.figure in text and all(f"\n{name} : " in text for name in parameters)


def test_the_result_of_another_figure_is_named():
    with pytest.raises(ArgumentError, match=r"being of figure percolation_wrapping.*of figure hierarchy_flow"):
        paper_figs.plot_upward_map(saved("percolation_wrapping").assign_attrs(figure="percolation_wrapping"))


def plots_called(path):
    """The public plots that a module calls in `draw`."""
    tree = ast.parse(path.read_text())
    draw = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "draw")
    return {node.id for node in ast.walk(draw) if isinstance(node, ast.Name) and node.id.startswith("plot_")}


@pytest.mark.parametrize("name", catalogue.names())
def test_every_figure_is_made_of_public_plots(name):
    module = catalogue.figure_module(name)
    path = ROOT / "paper_figs" / module.__name__.split(".")[-2] / f"{module.__name__.split('.')[-1]}.py"
    if name in (
        "network_on_mnist",
        "network_on_cifar10",
        "regime_map",
    ):  # the pictures of two commands, made of the plots of `compare`
        return
    known = {one.__name__ for one in PANELS} | {"plot_transitions"} | set(plots.__all__)  # pyright: ignore[reportAttributeAccessIssue]
    called = plots_called(path)
    assert called and called <= known
    text = path.read_text()
    assert not [
        word for word in (".errorbar(", ".imshow(") if word in text[text.index("def draw(") :].split("\ndef ")[0]
    ]


def test_user_settings_are_used():
    with mpl.rc_context({"font.size": 20.0, "font.family": "serif", "lines.linewidth": 5.0}):
        ax = paper_figs.plot_upward_map(saved("hierarchy_flow"))
        assert ax.xaxis.label.get_fontsize() == 20.0 and ax.xaxis.label.get_fontfamily() == ["serif"]
        assert ax.get_lines()[1].get_linewidth() == 5.0
