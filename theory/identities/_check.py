"""The test kit: hold a denoiser, in closed form or learned, against the mathematics.

`check` measures every identity that the knowledge at hand allows; `assert_identities` does so over noise levels and
raises with what broke, where, by how much and what usually causes it. Nothing dense is formed above 64 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from ..._support import checks as check_argument
from ..._support.streams import normal_batch, stream_seed
from ...errors import IdentityViolation
from .averages import AVERAGE
from .case import DENSE_DIM, Case, LogDensity, Prior, Symmetry
from .causes import with_causes
from .contract import check_contract
from .identity import SKIPPED, Finding, Identity
from .pointwise import LOCAL
from .with_density import DENSITY

__all__ = ["IDENTITIES", "Finding", "Identity", "Report", "Symmetry", "assert_identities", "check"]

IDENTITIES: dict[str, Identity] = {identity.name: identity for identity in (*LOCAL, *DENSITY, *AVERAGE)}

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-3}
SAMPLE_ENTRIES, MOST_SAMPLES, FEWEST_SAMPLES = 2**17, 4096, 24
PROBES_DENSE, PROBES_WIDE = 8, 4


@dataclass(frozen=True)
class Report:
    """The findings of one check, in the order of noise levels and of the catalogue."""

    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The identities that do not hold."""
        return tuple(finding for finding in self.findings if finding.broken)

    @property
    def headline(self) -> str | None:
        """The first broken identity of the catalogue, which runs from the most specific to the most general."""
        names = {finding.identity for finding in self.broken}
        return next((name for name in IDENTITIES if name in names), None)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)

    def to_dataset(self):
        """An xarray Dataset over (identity, sigma): `size` with `size_stderr`, `residual`, `scale`, `broken`."""
        import numpy as np
        import xarray as xr

        names = list(dict.fromkeys(f.identity for f in self.findings))
        sigmas = list(dict.fromkeys(f.sigma for f in self.findings))
        found = {(f.identity, f.sigma): f for f in self.findings}
        columns = {}
        for key in ("size", "size_stderr", "residual", "scale", "stderr"):
            values = [[getattr(found[n, s], key) if (n, s) in found else np.nan for s in sigmas] for n in names]
            columns[key] = (("identity", "sigma"), np.asarray(values, dtype=float))
        verdicts = [[found[n, s].verdict if (n, s) in found else SKIPPED for s in sigmas] for n in names]
        columns["verdict"] = (("identity", "sigma"), np.asarray(verdicts))
        return xr.Dataset(columns, coords={"identity": names, "sigma": sigmas})


def _selected(identities: Iterable[str] | None) -> list[Identity]:
    names = IDENTITIES if identities is None else list(identities)
    return [IDENTITIES[check_argument.choice("identities", name, IDENTITIES)] for name in names]


def check(
    denoiser: Any,
    x: torch.Tensor,
    sigma: float,
    *,
    prior: Prior | None = None,
    log_density: LogDensity | None = None,
    symmetries: Sequence[Symmetry] = (),
    every_sigma: bool = True,
    identities: Iterable[str] | None = None,
    tolerance: float | None = None,
    n_samples: int | None = None,
    n_probes: int | None = None,
    seed: int = 0,
    false_positive: float = 1e-6,
) -> Report:
    """Measure every applicable identity of `denoiser` at the points `x` `(batch, *event)` and one noise level.

    `prior(n, seed) -> (n, *event)` draws clean data; `log_density(x, sigma) -> (batch,)` is log p_sigma;
    `symmetries` are those that the prior has; `every_sigma=False` for a network that knows a range of noise levels
    only. `tolerance` is relative (1e-8 in float64, 1e-3 in float32); averages are allowed, beyond it, as many
    standard errors as give one false alarm in 1 / `false_positive` checks.

    Raises DenoiserContractError where the callable is no denoiser, NoiseLevelError, ShapeError, UnknownNameError.

    >>> from idealscore.theory import GaussianDenoiser
    >>> D = GaussianDenoiser(torch.zeros(2), torch.eye(2))
    >>> print(check(D, torch.ones(1, 2), 1.0, identities=["symmetry"], tolerance=1e-6))
    symmetry: holds at sigma 1, point 0: residual 0, allowed 3.5e-07, scale 0.354
    """
    sigma = float(check_argument.positive_sigmas("sigma", sigma)[0])
    x = check_argument.dataset("x", x)
    chosen = _selected(identities)
    check_contract(denoiser, x, _contract_sigmas([sigma], every_sigma))
    case = Case(
        denoiser=denoiser,
        x=x.detach(),
        sigma=sigma,
        prior=prior,
        log_density=log_density,
        symmetries=tuple(symmetries),
        every_sigma=every_sigma,
        n_samples=_sample_count(n_samples, x[0].numel()),
        n_probes=_probe_count(n_probes, x[0].numel()),
        seed=seed,
        tolerance=_tolerance(tolerance, x.dtype),
        false_positive=check_argument.real("false_positive", false_positive, 1e-300, 1.0),
    )
    return Report(tuple(with_causes(case, [identity.check(case) for identity in chosen])))


def _sample_count(n_samples: int | None, dim: int) -> int:
    if n_samples is None:
        return max(FEWEST_SAMPLES, min(MOST_SAMPLES, SAMPLE_ENTRIES // dim))
    return check_argument.integer("n_samples", n_samples, 2)


def _probe_count(n_probes: int | None, dim: int) -> int:
    if n_probes is None:
        return PROBES_DENSE if dim <= DENSE_DIM else PROBES_WIDE
    return check_argument.integer("n_probes", n_probes, 2)


def _tolerance(tolerance: float | None, dtype: torch.dtype) -> float:
    if tolerance is None:
        return TOLERANCES.get(dtype, 5e-2)
    return check_argument.real("tolerance", tolerance, 0.0)


def _contract_sigmas(sigmas: Sequence[float], every_sigma: bool) -> list[float]:
    """The noise levels at which the contract is tried: a decade beyond, or just beside where the range is unknown."""
    margin = 10.0 if every_sigma else 1.05
    return [min(sigmas) / margin, *sigmas, max(sigmas) * margin]


def assert_identities(
    denoiser: Any,
    event_shape: Sequence[int],
    sigmas: Iterable[float],
    *,
    prior: Prior | None = None,
    log_density: LogDensity | None = None,
    symmetries: Sequence[Symmetry] = (),
    every_sigma: bool = True,
    identities: Iterable[str] | None = None,
    points: torch.Tensor | None = None,
    batch: int = 4,
    tolerance: float | None = None,
    n_samples: int | None = None,
    n_probes: int | None = None,
    seed: int = 0,
    false_positive: float = 1e-6,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
) -> Report:
    """Check a denoiser of events of `event_shape` at every noise level; return the Report, or raise.

    The points are noised draws of the prior, or `points`, or standard normal draws with the noise added. The other
    arguments are those of `check`. Raises IdentityViolation (an AssertionError) with one entry per broken identity,
    and DenoiserContractError before anything else where the callable is no denoiser.

    >>> from idealscore.theory import GaussianDenoiser
    >>> D = GaussianDenoiser([0.0, 0.0, 0.0], torch.eye(3, dtype=torch.float64))
    >>> report = assert_identities(D, (3,), [0.5], prior=D.sample, log_density=D.log_density, n_samples=256)
    >>> len(report.broken)
    0
    >>> wrong = check(lambda x, sigma: 0.9 * D(x, sigma), torch.ones(1, 3).double(), 0.5, log_density=D.log_density)
    >>> wrong.broken[-1].cause
    'the denoiser is 0.9 times the true one (this reproduces the answers)'
    """
    event_shape = tuple(check_argument.integer("event_shape", size, 1) for size in event_shape)
    levels = [float(s) for s in check_argument.positive_sigmas("sigmas", list(sigmas))]
    batch = check_argument.integer("batch", batch, 1)
    if points is not None:
        points = check_argument.finite("points", check_argument.batch("points", points, event_shape))
    clean = _clean_points(event_shape, prior, points, batch, seed, dtype, device)
    check_contract(denoiser, _noised(clean, levels[0], seed, points), _contract_sigmas(levels, every_sigma))
    draws = None if prior is None else cache(prior)
    findings: list[Finding] = []
    for sigma in levels:
        findings += check(
            denoiser,
            _noised(clean, sigma, seed, points),
            sigma,
            prior=draws,
            log_density=log_density,
            symmetries=symmetries,
            every_sigma=every_sigma,
            identities=identities,
            tolerance=tolerance,
            n_samples=n_samples,
            n_probes=n_probes,
            seed=seed,
            false_positive=false_positive,
        )
    report = Report(tuple(findings))
    if report.broken:
        raise IdentityViolation(_failure(report), report)
    return report


def _clean_points(event_shape, prior, points, batch, seed, dtype, device) -> torch.Tensor:
    if points is not None:
        return points
    if prior is not None:
        drawn = torch.as_tensor(prior(batch, stream_seed(seed, "identity-points") % 2**31))
        return check_argument.batch("prior", drawn.to(device=device, dtype=dtype), event_shape)
    return normal_batch(seed, "identity-points", range(batch), event_shape, dtype=dtype, device=device)


def _noised(clean: torch.Tensor, sigma: float, seed: int, points: torch.Tensor | None) -> torch.Tensor:
    if points is not None:
        return points
    noise = normal_batch(seed, "identity-points-noise", range(len(clean)), clean.shape[1:])
    return clean + sigma * noise.to(clean)


def _failure(report: Report) -> str:
    broken = list(dict.fromkeys(finding.identity for finding in report.broken))
    checked = {finding.identity for finding in report if finding.verdict != SKIPPED}
    lines = [f"{len(broken)} of {len(checked)} identities broken: {', '.join(broken)}"]
    return "\n".join([*lines, *(f"  {finding}" for finding in report.broken)])
