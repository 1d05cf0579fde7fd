"""How far samples drawn in N steps are from the data, for Gaussian data: Wasserstein distance, exactly."""

from __future__ import annotations

import torch

from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError
from ._inputs import levels_tensor, solver_named, spectrum_tensor
from ._relative_std import relative_std
from ._sampled_std import sampled_std


def sampling_error(spectrum: ArrayLike, sigmas: ArrayLike, solver: str = "euler", *, start: str = "data") -> float:
    r"""W2 / sqrt(tr C): the Wasserstein distance of samples in N steps from the data, relative to their spread.

    \[ \frac{W_2^2}{\mathrm{tr}\,C} = \frac{\sum_k (\mathrm{std}_k - \sqrt{c_k})^2}{\sum_k c_k}, \]

    since samples and data have the same eigenvectors; `sampled_std` has std_k [@Karras2022; @Song2021; @Ho2020].

    Parameters
    ----------
    spectrum, sigmas, solver, start
        As of `sampled_std`.

    Returns
    -------
    float
        0 for samples of the right covariance. A last level above 0 counts as an error, as its noise does.

    Raises
    ------
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, NoiseLevelError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> from idealscore.theory.schedules import karras_schedule
    >>> [round(sampling_error([1.0] * 3, karras_schedule(10), solver), 4) for solver in ("euler", "heun", "ddpm")]
    [0.2491, 0.1755, 0.3795]
    """
    c = spectrum_tensor(spectrum)
    std = torch.from_numpy(sampled_std(spectrum, sigmas, solver, start=start))
    return float(((std - c.sqrt()).square().sum() / c.sum()).sqrt())


def sampling_error_slopes(spectrum: ArrayLike, sigmas: ArrayLike, solver: str = "euler") -> Array:
    """The derivative of `sampling_error` in each eigenvalue, from noised data to level 0: what its error follows from.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance; the derivative in one that is 0 is given as 0.
    sigmas : array (N + 1,)
        Falling noise levels, the last one 0.
    solver : str
        As of `sampled_std`.

    Returns
    -------
    array (d,)
        Derivatives.

    Raises
    ------
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, NoiseLevelError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> sampling_error_slopes([3.0], [1.0, 0.0]).round(4)  # of 1 - sqrt(c / (c + 1))
    array([-0.0361])
    """
    solver = solver_named(solver)
    c, levels = spectrum_tensor(spectrum), levels_tensor(sigmas, solver)
    if torch.isinf(levels[0]):
        raise NoiseLevelError("sigmas", "begins with inf, where there is no slope", "begin with a finite level")
    alive = c > 0
    positive = c[alive].requires_grad_()
    square = relative_square(positive, levels, solver)
    square.backward()
    assert positive.grad is not None
    error = square.item() ** 0.5
    slopes = positive.grad / (2 * error) if error > 0 else torch.zeros_like(positive.grad)
    return torch.zeros_like(c).masked_scatter(alive, slopes).numpy()


def relative_square(c: torch.Tensor, levels: torch.Tensor, solver: str) -> torch.Tensor:
    """The square of the error as a number that can be differentiated, for c > 0 and levels that end with 0."""
    missing = 1 - relative_std(c, levels, solver)
    return (c * missing.square()).sum() / c.sum()
