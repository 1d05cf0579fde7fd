r"""What a network that memorises would do with a measurement: the exact posterior mean over the training set given y.

For data x_1 ... x_n drawn with equal weights, y = A x0 + s n and x = x0 + sigma n', Bayes' rule leaves a weighted mean,

    w_i(x, y) ~ exp(-|x - x_i|^2 / 2 sigma^2 - |y - A x_i|^2 / 2 s^2),      E[x0 | x, y] = sum_i w_i(x, y) x_i

which no linearisation enters. `GuidedDenoiser` around an `EmpiricalDenoiser` approximates it, at the price of one pass
over the data for every step of conjugate gradients; here each call takes one pass. A may be any function.
"""

from __future__ import annotations

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike, Points, Sigma
from ...errors import ShapeError
from ._measure import Operator

NUMBERS = 1 << 22  # of logits, measurements or images that are held at once
TIE = 1e-12  # squared distances within so much of the largest term in them are equal


class EmpiricalPosterior:
    """E[x0 | x, y] for x0 drawn from the training set `data` and a measurement y = A x0 + s n, exactly.

        sum_i w_i x_i,    w_i ~ exp(-|x - x_i|^2 / 2 sigma^2 - |y - A x_i|^2 / 2 s^2)

    The optimum of [@Li2024], eq. 5, with prior weights that the measurement has tilted. Call it as
    `posterior(x, sigma)`; sample i of a batch belongs to measurement i. sigma = 0 gives the nearest datum, ties weighed
    by their likelihood; sigma = inf the posterior mean given y alone. One number is held for each datum and
    measurement.

    Parameters
    ----------
    data : array (n, *event)
        The training set.
    operator : callable
        A, (batch, *event) -> (batch, *observed), linear or not.
    y : tensor
        The measurements, shape (batch, *observed), or (*observed) for all.
    noise : float
        Standard deviation s > 0 of the measurement.

    Raises
    ------
    ArgumentError
        Where `noise` is not positive, `operator` no function, or `data` or `y` are no finite numbers.
    EmptyDataError, ShapeError
        If the data are not `(n, *event)` with n >= 1, or `y` does not fit what `operator` makes of them; from a call,
        where x has another shape, or the batch another size than the measurements.
    NoiseLevelError
        From a call, where sigma is negative or NaN.

    Examples
    --------
    >>> from idealscore.simulate import inpainting
    >>> data = torch.tensor([[-1.0, 3.0], [1.0, 5.0]])
    >>> posterior = EmpiricalPosterior(data, inpainting([True, False]), torch.tensor([[0.9]]), noise=0.1)
    >>> posterior(torch.zeros(1, 2), 100.0)  # only the second fits the measurement
    tensor([[1., 5.]])
    """

    def __init__(self, data: ArrayLike, operator: Operator, y: torch.Tensor, noise: float) -> None:
        self.data: torch.Tensor = check.dataset("data", data)
        check.function("operator", operator, "operator(x)")
        self.y: torch.Tensor = check.as_float_tensor("y", y)
        self.noise: float = check.real("noise", noise, 1e-12)
        self._flat = self.data.double().flatten(1)
        self._squares = self._flat.square().sum(1)
        self.log_likelihood: torch.Tensor = self._log_likelihood(operator)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one datum."""
        return tuple(self.data.shape[1:])

    def __call__(self, x: Points, sigma: Sigma) -> Points:
        x = check.same_device("x", check.batch("x", x, self.event_shape), self.data)
        levels, tilt = check.sigmas("sigma", sigma, x).double(), self.log_likelihood
        if len(tilt) not in (1, len(x)):
            raise ShapeError("x", f"is a batch of {len(x)}", f"pass {len(tilt)} samples, one for each measurement")
        tilt = tilt.expand(len(x), -1)
        rows = max(1, NUMBERS // len(self._flat))
        parts = [
            self._weights(part, level, prior) @ self._flat
            for part, level, prior in zip(
                x.double().flatten(1).split(rows), levels.split(rows), tilt.split(rows), strict=True
            )
        ]
        return torch.cat(parts).reshape(x.shape).to(x.dtype) if parts else torch.zeros_like(x)

    def __repr__(self) -> str:
        n, event = len(self.data), self.event_shape
        return f"EmpiricalPosterior(n={n}, event={event}, y={tuple(self.y.shape)}, noise={self.noise:g})"

    def _weights(self, x: torch.Tensor, levels: torch.Tensor, tilt: torch.Tensor) -> torch.Tensor:
        """w_i of flat points, (batch, n)."""
        own = x.square().sum(1, keepdim=True)
        square = self._squares - 2 * x @ self._flat.T  # less |x|^2, the same for all
        square = square - square.amin(1, keepdim=True)
        variance = levels.square()[:, None]
        nearest = torch.where(square <= TIE * (own + self._squares.max()), 0.0, -torch.inf)
        away = torch.where(variance > 0, -square / (2 * variance).clamp_min(1e-300), nearest)
        return torch.softmax(away + tilt, 1)

    def _log_likelihood(self, operator: Operator) -> torch.Tensor:
        """-|y - A x_i|^2 / 2 s^2, largest 0, of shape (measurements, n)."""
        rows = max(1, NUMBERS // self._flat.shape[1])
        with torch.no_grad(), check.speaking_of("data"):
            seen = torch.cat([operator(part) for part in self.data.split(rows)])
        y, shape = self.y.to(seen), seen.shape[1:]
        y = y[None] if y.shape == shape else y
        if y.shape[1:] != shape:
            told = f"pass (batch, *{tuple(shape)}), or {tuple(shape)} for all"
            raise ShapeError("y", f"has shape {tuple(self.y.shape)}", told)
        one, other = y.double().flatten(1), seen.double().flatten(1)
        square = other.square().sum(1) - 2 * one @ other.T
        return (square.amin(1, keepdim=True) - square) / self.noise / self.noise / 2
