"""Whether a callable honours `denoiser(x, sigma) -> E[x0 | x]` at all, asked before any identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from ..._support import checks as check
from ..._support.typed import typed
from ...errors import DenoiserContractError, IdealScoreError

CONTRACT = "a denoiser is denoiser(x, sigma) -> E[x0 | x], like x in shape, dtype and device"
REORDERED = 0.7


def _refuse(problem: str, remedy: str = CONTRACT) -> DenoiserContractError:
    return DenoiserContractError("denoiser", problem, remedy)


def _call(denoiser: Any, x: torch.Tensor, sigma: Any) -> torch.Tensor:
    try:
        with torch.no_grad():
            return denoiser(x, sigma)
    except IdealScoreError:
        raise
    except Exception as error:
        raise _refuse(f"raises {type(error).__name__} ({error})") from error


def _same(a: torch.Tensor, b: torch.Tensor, power: float = 1.0) -> bool:
    """Equal up to 64 eps^power of the largest entry: power 1 for the same sum, less for one summed otherwise."""
    size = max(float(a.abs().max()), float(b.abs().max()), torch.finfo(a.dtype).tiny)
    return float((a - b).abs().max()) <= 64 * torch.finfo(a.dtype).eps ** power * size


@typed
def check_contract(denoiser: object, x: torch.Tensor, sigmas: Iterable[float]) -> None:
    """Refuse what is not a denoiser, and name the fault.

    Detected, in this order: not callable, an exception, no tensor, another shape, dtype or device, NaN or inf, an
    input changed in place, an answer that changes from call to call, an answer that depends on the other samples of
    the batch, a per-sample sigma `(batch,)` that is refused or gives other values, an answer that ignores sigma (to
    the last bit, so that one that hardly depends on it passes).

    Parameters
    ----------
    denoiser : object
        What should be `denoiser(x, sigma) -> E[x0 | x]`.
    x : torch.Tensor
        Points `(batch, *event)` to try it on.
    sigmas : iterable of float
        Noise levels to try it at.

    Raises
    ------
    DenoiserContractError
        Where it is not a denoiser; its `problem` says what it does instead.
    NoiseLevelError, ShapeError, EmptyDataError
        Where the noise levels or the points are none.

    Examples
    --------
    >>> try:
    ...     check_contract(lambda x, sigma: x.double(), torch.ones(2, 3), [1.0])
    ... except DenoiserContractError as error:
    ...     print(error.problem)
    changes the dtype from torch.float32 to torch.float64
    """
    if not callable(denoiser):
        raise _refuse(f"is a {type(denoiser).__name__}, which cannot be called")
    x = check.points("x", x)
    levels = sorted(check.positive_sigmas("sigmas", check.items("sigmas", sigmas)).tolist())
    outputs = {sigma: _checked_call(denoiser, x, sigma) for sigma in levels}
    for sigma in levels:
        _check_repeatable(denoiser, x, sigma, outputs[sigma])
    _check_per_sample(denoiser, x, levels, outputs)
    _check_uses_sigma(x, levels, outputs)


def _checked_call(denoiser: Any, x: torch.Tensor, sigma: float) -> torch.Tensor:
    given = x.clone()
    result = _call(denoiser, given, sigma)
    if not isinstance(result, torch.Tensor):
        raise _refuse(f"returns a {type(result).__name__}")
    if result.shape != x.shape:
        raise _refuse(f"changes the shape from {tuple(x.shape)} to {tuple(result.shape)}")
    if result.dtype != x.dtype:
        raise _refuse(f"changes the dtype from {x.dtype} to {result.dtype}")
    if result.device != x.device:
        raise _refuse(f"changes the device from {x.device} to {result.device}")
    if not bool(result.isfinite().all()):
        raise _refuse(f"returns NaN or inf at sigma {sigma:.4g}", "look for 0/0 and for exponentials that overflow")
    if not torch.equal(given, x):
        raise _refuse("writes into its input", "work on a copy")
    return result.detach()


def _check_repeatable(denoiser: Any, x: torch.Tensor, sigma: float, first: torch.Tensor) -> None:
    if not _same(first, _call(denoiser, x, sigma)):
        raise _refuse(
            f"is not deterministic at sigma {sigma:.4g}", "switch dropout off (`network.eval()`) and draw no noise"
        )
    if x.shape[0] > 1 and not _same(first[:1], _call(denoiser, x[:1], sigma), REORDERED):
        raise _refuse(
            f"depends on the other samples of the batch at sigma {sigma:.4g}",
            "call `network.eval()`: batch normalisation mixes samples",
        )


def _check_per_sample(denoiser: Any, x: torch.Tensor, levels: list[float], outputs: dict[float, torch.Tensor]) -> None:
    picked = [levels[i % len(levels)] for i in range(x.shape[0])]
    result = _call(denoiser, x, torch.tensor(picked, dtype=x.dtype, device=x.device))
    expected = torch.stack([outputs[sigma][i] for i, sigma in enumerate(picked)])
    if result.shape != x.shape or not _same(expected, result, REORDERED):
        raise _refuse(
            "answers otherwise when sigma is a tensor (batch,)", "reshape sigma to (batch, 1, ...) before use"
        )


def _check_uses_sigma(x: torch.Tensor, levels: list[float], outputs: dict[float, torch.Tensor]) -> None:
    if not bool(x.any()):
        return  # at 0 a linear denoiser gives 0 at every level
    first = outputs[levels[0]]
    constant_in_x = x.shape[0] > 1 and _same(first[1:], first[:1].expand_as(first[1:]))
    if len(levels) > 1 and not constant_in_x and all(torch.equal(first, outputs[sigma]) for sigma in levels[1:]):
        raise _refuse(f"ignores sigma: same answer from {levels[0]:.4g} to {levels[-1]:.4g}", "use the second argument")
