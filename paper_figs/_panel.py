"""A panel: a public function that draws one part of a figure's result into any axes, and says what it needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

from .._support import checks as check
from ..errors import ArgumentError
from ._style import PAGE, letters, style
from .catalogue import figure_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARED = """

Parameters
----------
result : xarray.Dataset
    The result of figure `{figure}`: `catalogue.saved("{figure}")`, `idealscore figures {figure} --scale small`, or a
    Dataset of your own that holds {needs}.
ax : matplotlib.axes.Axes, optional
    Where to draw, with the settings that are in force; by default in a new figure.
legend : bool, optional
    Whether to draw a legend, where there is something to tell apart.
{choices}
Returns
-------
matplotlib.axes.Axes
    The axes, labelled.

Raises
------
ArgumentError
    If the result is of another kind; the message says which one is needed.

Examples
--------
>>> from idealscore.paper_figs import catalogue, {name}
>>> ax = {name}(catalogue.saved("{figure}"))
"""


class Panel(Protocol):
    """Draws `result` into `ax`, or into the axes of a new figure, and returns them."""

    __name__: str
    figure: str
    needs: tuple[str, ...]
    choice: Mapping[str, Sequence[str]]

    def __call__(self, result: xr.Dataset, *, ax: Axes | None = None, legend: bool = True, **chosen: str) -> Axes: ...


def panel(
    *needs: str, choice: Mapping[str, Sequence[str]] | None = None, size: float | None = None, **key: Any
) -> Callable[[Callable[..., dict[str, Any] | None]], Panel]:
    """Make the public plot of `draw(ax, result, **chosen)`, whose docstring is its first sentence.

    `needs` are the variables, coordinates and attributes that are drawn; `choice` the parameters of `draw` with their
    values, the first of which is the default; `key` goes to the legend, as does what `draw` returns, and `size` is that
    of its type as a share of `font.size`.
    """
    options = dict(choice or {})

    def of(draw: Callable[..., dict[str, Any] | None]) -> Panel:
        figure = figure_of(draw.__module__)

        @wraps(draw)
        def plot(result: xr.Dataset, *, ax: Axes | None = None, legend: bool = True, **chosen: str) -> Axes:
            from ..compare.plot._axes import plain_ticks

            _check(result, draw.__name__, figure, needs)
            if strange := set(chosen) - set(options):
                raise ArgumentError(min(strange), f"is no parameter of {draw.__name__}", f"it has {_listed(options)}")
            taken = {name: check.choice(name, chosen.get(name, values[0]), values) for name, values in options.items()}
            own = ax if ax is not None else _new()
            try:
                more = draw(own, result, **taken)
            except (KeyError, AttributeError) as error:
                problem = f"is not of the form that {draw.__name__} draws ({error})"
                raise ArgumentError("result", problem, _remedy(draw.__name__, figure)) from error
            plain_ticks(own)
            if legend and own.get_legend_handles_labels()[0]:
                own.legend(**{**_type(size), **key, **(more or {})})
            return own

        text = inspect.cleandoc(draw.__doc__ or "")
        choices = "".join(
            f"{name} : {{{', '.join(map(repr, values))}}}, optional\n    What is shown; {values[0]!r} by default.\n"
            for name, values in options.items()
        )
        plot.__doc__ = text + SHARED.format(figure=figure, needs=_listed(needs), name=draw.__name__, choices=choices)
        plot.__signature__ = _signature(options)  # pyright: ignore[reportAttributeAccessIssue]
        plot.figure, plot.needs, plot.choice = figure, needs, options  # pyright: ignore[reportAttributeAccessIssue]
        return plot  # pyright: ignore[reportReturnType]

    return of


def in_a_row(
    result: xr.Dataset, plots: Sequence[Panel], height: float, widths: Sequence[float] | None = None
) -> Figure:
    """The figure of panels next to each other, with letters; `height` in inches, `widths` relative to each other."""
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(1, len(plots), figsize=(PAGE, height), width_ratios=widths)
        for plot, ax in zip(plots, axes, strict=True):
            plot(result, ax=ax)
        letters(axes)
    return figure


def _type(size: float | None) -> dict[str, float]:
    import matplotlib as mpl

    return {} if size is None else {"fontsize": size * float(mpl.rcParams["font.size"])}


def _new() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def _check(result: object, name: str, figure: str, needs: Sequence[str]) -> None:
    import xarray as xr

    if not isinstance(result, xr.Dataset):
        problem = f"is a {type(result).__name__}, not an xarray.Dataset"
        raise ArgumentError("result", problem, _remedy(name, figure))
    missing = [one for one in needs if one not in result and one not in result.dims and one not in result.attrs]
    if missing:
        of = result.attrs.get("figure", figure)
        problem = f"holds no {', '.join(missing)}" + (f", being of figure {of}" if of != figure else "")
        raise ArgumentError("result", problem, _remedy(name, figure))


def _remedy(name: str, figure: str) -> str:
    return f"{name} needs the result of figure {figure}: idealscore figures {figure} --scale small"


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _signature(options: Mapping[str, Sequence[str]]) -> inspect.Signature:
    """(result, *, ax=None, legend=True, NAME=first, ...)."""
    own = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("result", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="xr.Dataset"),
            inspect.Parameter("ax", own, default=None, annotation="Axes | None"),
            inspect.Parameter("legend", own, default=True, annotation="bool"),
            *(inspect.Parameter(name, own, default=values[0], annotation="str") for name, values in options.items()),
        ],
        return_annotation="Axes",
    )
