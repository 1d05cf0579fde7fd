"""Linearity against the noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from ..._support import checks as check
from ..._support.style import band, ink
from ._axes import kind, noise_axis, own_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_linearity(result: xr.Dataset, *, ax: Axes | None = None, name: str = "network", steps: bool = True) -> Axes:
    r"""The linearity score E cos(D(a x1 + b x2), a D(x1) + b D(x2)) against the noise level [@Li2024].

    Parameters
    ----------
    result : xarray.Dataset
        What `linearity` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; axes with the line of one denoiser can take a second. By default in a new figure.
    name : str, optional
        The denoiser, for the legend; the name of a theory gives the line the colour of that theory.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.

    Returns
    -------
    matplotlib.axes.Axes
        A line with a band of one standard error for each share a^2; the thin line at 1 is that of affine denoisers.

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> import torch
    >>> from idealscore.compare import linearity
    >>> x = torch.tensor([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]])
    >>> ax = plot_linearity(linearity(lambda x, sigma: x.tanh(), x, [0.5, 1.0, 2.0], show=False))
    >>> ax.get_ylabel()
    'linearity'
    """
    result = kind(result, "plot_linearity", ("linearity",), "linearity", ("alpha_squared", "sigma"))
    check.instance("name", name, str)
    ax = own_or_new(ax)
    several = result.sizes["alpha_squared"] > 1
    for k, share in enumerate(result.alpha_squared.values):
        one = result.isel(alpha_squared=k)
        label = f"{name}, $a^2$ = {share:.2g}" if several else name
        band(
            ax,
            one.sigma,
            one.linearity,
            one.linearity_stderr,
            name,
            label=label,
            linestyle=("-", "--", ":", "-.")[k % 4],
        )
    ax.axhline(1, color=ink(ax, "exact"), linewidth=0.6)
    ax.set_ylabel("linearity")
    noise_axis(ax, result.sigma.values, steps)
    return ax
