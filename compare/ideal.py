"""`result.ideal`: the table, the plots, the report and the summary of a result, from the Dataset itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from .._support import checks as check
from .._support.display.tables import FORMS, titled
from .._support.estimates import show
from .._support.typed import typed
from .._support.types import FilePath
from ..errors import ArgumentError
from . import plot as _plots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = list[dict[str, str]]
COMPARISON, MODELS, REGIMES, OTHER = "compare", "compare_models", "regime_map", "other"
PANELS = [name.removeprefix("plot_") for name in dir(_plots) if name.startswith("plot_") and name != "plot_examples"]
MOST_ROWS = 1000


@typed
@xr.register_dataset_accessor("ideal")
class IdealAccessor:
    """What this package knows to do with a result; every Dataset has it as `.ideal` once `idealscore.compare` is there.

    Parameters
    ----------
    result : xarray.Dataset
        Of `compare`, `compare_models`, `regime_map` or any function that returns estimates `q` with `q_stderr`.

    Raises
    ------
    ArgumentError
        From its methods, if the result is not of the kind that they need; the message says which that is.

    Examples
    --------
    >>> import idealscore.compare
    >>> found = xr.Dataset({"rmse": ("sigma", [0.5, 0.25]), "rmse_stderr": ("sigma", [0.012, 0.1])}, {"sigma": [1, 2]})
    >>> print(found.ideal.table("markdown"))
    **rmse over sigma**
    <BLANKLINE>
    | sigma | rmse |
    |---:|---:|
    | 1 | 0.500(12) |
    | 2 | 0.25(10) |
    """

    def __init__(self, result: xr.Dataset) -> None:
        self._result = result

    @property
    def kind(self) -> str:
        """The function that makes such results: "compare", "compare_models", "regime_map", or "other"."""
        found, dims = self._result, self._result.dims
        if {"transition", "example", "explained_variance"} <= set(map(str, found.variables)):
            return MODELS if "model" in dims else COMPARISON
        if {"n_train", "width", "step", "inputs"} <= set(map(str, dims)) and "closest" in found:
            return REGIMES
        return OTHER

    def table(self, form: str = "text") -> str:
        """The numbers of the result with their errors.

        Parameters
        ----------
        form : {"text", "markdown", "latex"}, optional
            Text with `value ± error` and what the columns mean, or tables for a paper with value(error), the error in
            units of the last digit; those in LaTeX need the package booktabs.

        Returns
        -------
        str
            One table or several.

        Raises
        ------
        UnknownNameError
            If `form` is unknown.
        ArgumentError
            If the result holds no estimate with an error, or more than 1000 rows of them.

        Examples
        --------
        >>> import idealscore.compare
        >>> print(xr.Dataset({"rp": 0.5, "rp_stderr": 0.02}).ideal.table())
        rp
                   rp
        -------------
        0.500 ± 0.020
        """
        check.choice("form", form, FORMS)
        if form == "text" and self.kind == REGIMES:
            from .regimes._table import table

            return table(self._result)
        if form == "text" and self.kind != OTHER:
            from .comparison._report import summary

            return summary(self._result)
        return titled(self._tables(), form)

    def to_dataframe(self, over: Sequence[str] | None = None) -> pd.DataFrame:
        """The estimates of the result as numbers, a row for each place.

        Parameters
        ----------
        over : sequence of str, optional
            The dimensions that make the rows; by default those of most estimates.

        Returns
        -------
        pandas.DataFrame
            A column for each of these dimensions and for each variable over them or over some of them.

        Raises
        ------
        ArgumentError
            If the result holds no estimate with an error, or none over these dimensions.

        Examples
        --------
        >>> import idealscore.compare
        >>> found = xr.Dataset({"rmse": ("sigma", [0.5]), "rmse_stderr": ("sigma", [0.1])}, {"sigma": [1.0]})
        >>> list(found.ideal.to_dataframe())
        ['sigma', 'rmse', 'rmse_stderr']
        """
        import pandas as pd

        dims = self._rows_over() if over is None else tuple(over)
        if not any(set(dims) == set(map(str, self._result[name].dims)) for name in self._estimates()):
            known = sorted({str(tuple(self._result[name].dims)) for name in self._estimates()})
            raise ArgumentError("over", f"is {tuple(dims)}", f"pass one of {', '.join(known)}")
        chosen = [str(name) for name, value in self._result.data_vars.items() if set(value.dims) <= set(dims)]
        part = self._result[chosen]
        part = part.drop_vars([name for name in part.coords if name not in dims])
        if not dims:
            return pd.DataFrame([{name: part[name].item() for name in chosen}])
        return part.to_dataframe(dim_order=list(dims)).reset_index()

    def plot(self, panel: str = "", *, ax: Axes | None = None, **options: object) -> Figure | Axes:
        """The figure of the result, or one panel of it in your own axes.

        Parameters
        ----------
        panel : str, optional
            "score_gap", "explained", "memorisation", "denoising_error", "transition_lines", "regime_map", "copies",
            "test_train_gap", "agreement", "crossovers" or "linearity": the function `plot_NAME`; by default the whole
            figure.
        ax : matplotlib.axes.Axes, optional
            Where to draw a panel.
        **options
            Those of the function.

        Returns
        -------
        Figure or Axes
            The whole figure, or the axes of the panel.

        Raises
        ------
        ArgumentError
            If the result is of another kind, or `ax` is given without a panel.
        UnknownNameError
            If there is no such panel.

        Examples
        --------
        >>> from idealscore.compare import linearity
        >>> import torch
        >>> x = torch.tensor([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]])
        >>> linearity(lambda x, sigma: x.tanh(), x, [0.5, 1.0], show=False).ideal.plot("linearity").get_ylabel()
        'linearity'
        """
        if panel:
            draw = getattr(_plots, f"plot_{check.choice('panel', panel, PANELS)}")
            return draw(self._result, ax=ax, **options)
        if ax is not None or options:
            raise ArgumentError("panel", "is not given, but its axes or options are", f"name one: {', '.join(PANELS)}")
        if self.kind == REGIMES:
            from .regimes.figure import regime_figure

            return regime_figure(self._result)
        self._needs(".plot()", COMPARISON)
        from .comparison._figure import figure

        return figure(self._result)

    def report(self, out: FilePath) -> str:
        """Write compare.nc, the picture and report.html into a folder.

        Parameters
        ----------
        out : path
            The folder, made where it does not exist.

        Returns
        -------
        str
            The table as text.

        Raises
        ------
        ArgumentError
            If the result is not of `compare` or `compare_models`.

        Examples
        --------
        >>> import idealscore.compare
        >>> xr.Dataset().ideal.report("here")
        Traceback (most recent call last):
        idealscore.errors.ArgumentError: result: holds nothing; .report() needs a result of compare or compare_models
        """
        self._needs(".report()", COMPARISON, MODELS)
        from .comparison._report import report

        return report(self._result, Path(out))

    def summary(self) -> str:
        """What the result says, in a sentence or a few.

        Returns
        -------
        str
            Of a comparison which theory the network follows at which noise; of a regime map from which size on networks
            do not copy, and agree; of others what was estimated, over what.

        Raises
        ------
        ArgumentError
            If the result holds no estimate with an error.

        Examples
        --------
        >>> import idealscore.compare
        >>> xr.Dataset({"rp": ("n", [0.5, 0.6]), "rp_stderr": ("n", [0.1, 0.1])}).ideal.summary()
        'rp, over n (2)'
        """
        from .comparison._explanation import explanation
        from .comparison.several_models import models_of, one_model

        if self.kind == COMPARISON:
            return explanation(self._result)
        if self.kind == MODELS:
            each = {name: explanation(one_model(self._result, name)) for name in models_of(self._result)}
            return "\n".join(f"{name}: {text}" for name, text in each.items())
        if self.kind == REGIMES:
            from .regimes._table import crossover_lines

            return "\n".join(crossover_lines(self._result))
        sizes = ", ".join(f"{dim} ({self._result.sizes[dim]})" for dim in self._rows_over())
        return ", ".join(self._estimates()) + (f", over {sizes}" if sizes else "")

    def __repr__(self) -> str:
        return f"IdealAccessor(result of {self.kind}: table, to_dataframe, plot, report, summary)"

    def _tables(self) -> dict[str, Rows]:
        from .comparison._table import paper_tables
        from .comparison.several_models import models_of, one_model, pair_rows
        from .regimes._table import rows

        if self.kind == COMPARISON:
            return paper_tables(self._result)
        if self.kind == MODELS:
            each = [(name, paper_tables(one_model(self._result, name))) for name in models_of(self._result)]
            made = {f"{name}: {title}": rows for name, tables in each for title, rows in tables.items()}
            return {**made, "Agreement of samples from the same noise": pair_rows(self._result)}
        if self.kind == REGIMES:
            return {"Training-set sizes at the last step": rows(self._result)}
        return self._estimate_tables()

    def _estimate_tables(self) -> dict[str, Rows]:
        """The estimates over the dimensions of most of them."""
        dims = self._rows_over()
        names = [name for name in self._estimates() if set(self._result[name].dims) == set(dims)]
        frame = self.to_dataframe(dims)
        if len(frame) > MOST_ROWS:
            remedy = "take a part of it by .isel, or the numbers by .to_dataframe()"
            raise ArgumentError("result", f"has {len(frame)} rows, too many for a table", remedy)
        rows = [
            {
                **{dim: f"{row[dim]:.4g}" if isinstance(row[dim], float) else str(row[dim]) for dim in dims},
                **{name: show(float(row[name]), float(row[f"{name}_stderr"])) for name in names},
            }
            for row in frame.to_dict("records")
        ]
        return {", ".join(names) + (f" over {', '.join(dims)}" if dims else ""): rows}

    def _estimates(self) -> list[str]:
        names = [str(name) for name in self._result.data_vars if f"{name}_stderr" in self._result]
        if not names:
            problem = f"holds {', '.join(map(str, self._result.data_vars)) or 'nothing'}, no estimate with its error"
            raise ArgumentError("result", problem, "pass what a function of idealscore.compare returns")
        return names

    def _rows_over(self) -> tuple[str, ...]:
        """The dimensions that most estimates have."""
        every = [tuple(map(str, self._result[name].dims)) for name in self._estimates()]
        return max(every, key=lambda dims: (every.count(dims), len(dims)))

    def _needs(self, what: str, *kinds: str) -> None:
        if self.kind in kinds:
            return
        if self.kind == MODELS:
            raise ArgumentError("result", "holds several networks", "pick one: compare.one_model(result, NAME)")
        held = ", ".join(list(map(str, self._result.data_vars))[:6]) or "nothing"
        wanted = " or ".join([*kinds, *([REGIMES] if what == ".plot()" else [])])
        panel = ", or the name of a panel" if what == ".plot()" else ""
        raise ArgumentError("result", f"holds {held}", f"{what} needs a result of {wanted}{panel}")
