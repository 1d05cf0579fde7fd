"""Guess what went wrong: the known mistakes, each applied to the true denoiser and compared with the one at hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from .case import Case
from .derivatives import norm
from .finding import Finding
from .with_density import exact_score

MATCH = 1e-5

Truth = Callable[[torch.Tensor, float], torch.Tensor]
Mistake = Callable[[Truth, torch.Tensor, float], torch.Tensor]


def _clock(true: Truth, x: torch.Tensor, sigma: float) -> torch.Tensor:
    return true(x * math.sqrt(1 + sigma**2), sigma)


MISTAKES: dict[str, Mistake] = {
    "the kernel is exp(-|x - y|^2 / sigma^2): a factor two is missing in its width": lambda D, x, s: D(
        x, s / math.sqrt(2)
    ),
    "the kernel is exp(-|x - y|^2 / (4 sigma^2)): a factor two too much in its width": lambda D, x, s: D(
        x, s * math.sqrt(2)
    ),
    "sigma^2 is used where sigma belongs": lambda D, x, s: D(x, s**2),
    "sqrt(sigma) is used where sigma belongs": lambda D, x, s: D(x, math.sqrt(s)),
    "the score is multiplied by sigma instead of sigma^2": lambda D, x, s: x + (D(x, s) - x) / s,
    "the sign of the score": lambda D, x, s: 2 * x - D(x, s),
    "this is the noise prediction (x - D) / sigma": lambda D, x, s: (x - D(x, s)) / s,
    "this is the score (D - x) / sigma^2": lambda D, x, s: (D(x, s) - x) / s**2,
    "x is not rescaled: it is read on the variance-preserving clock": _clock,
    "x is divided by sqrt(1 + sigma^2), as on the variance-preserving clock": lambda D, x, s: D(
        x / math.sqrt(1 + s**2), s
    ),
    "the output is divided by sqrt(1 + sigma^2), as on the variance-preserving clock": lambda D, x, s: (
        D(x, s) / math.sqrt(1 + s**2)
    ),
}


def _fitted(D: torch.Tensor, true: torch.Tensor, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mistakes with a free number, fitted to the answers."""
    factor = float((D * true).sum() / (true * true).sum().clamp(min=1e-300))
    pull, wanted = D - x, true - x
    gain = float((pull * wanted).sum() / (wanted * wanted).sum().clamp(min=1e-300))
    offset = float((D - true).mean())
    low, high = float(D.min()), float(D.max())
    return {
        f"the denoiser is {factor:.4g} times the true one": factor * true,
        f"the score is {gain:.4g} times the true one": x + gain * wanted,
        f"the denoiser is shifted by {offset:.4g}": true + offset,
        f"the output is clamped to [{low:.4g}, {high:.4g}]": true.clamp(low, high),
    }


def known_mistake(case: Case) -> str | None:
    """The mistake that reproduces the denoiser's answers, where the log density is known and one does."""
    if case.log_density is None:
        return None

    def true(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return x + sigma**2 * exact_score(case, x, sigma)

    expected = true(case.x, case.sigma)
    wrong = float(norm(expected - case.denoised).max())
    if wrong <= MATCH * float(norm(expected).max() + norm(case.x).max()):
        return None
    candidates = {text: mistake(true, case.x, case.sigma) for text, mistake in MISTAKES.items()}
    candidates.update(_fitted(case.denoised, expected, case.x))
    fits = (text for text, value in candidates.items() if float(norm(value - case.denoised).max()) <= MATCH * wrong)
    return next(fits, None)


def with_causes(case: Case, findings: list[Finding]) -> list[Finding]:
    """`findings` with the known mistake in the place of each usual cause, if there is one."""
    mistake = known_mistake(case) if any(finding.broken for finding in findings) else None
    if mistake is None:
        return findings
    return [replace(f, cause=f"{mistake} (this reproduces the answers)") if f.broken else f for f in findings]
