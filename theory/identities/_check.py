"""The test kit: hold a denoiser, in closed form or learned, against the mathematics.

`check` measures every identity that the knowledge at hand allows; `assert_identities` does so over noise levels and
raises with what broke, where, by how much and what usually causes it. Nothing dense is formed above 64 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, partial

import torch

from ..._support import checks as check_argument
from ..._support.modules import in_evaluation
from ..._support.streams import normal_batch, stream_seed
from ..._support.typed import typed
from ..._support.types import Device
from ...errors import IdentityViolation
from ..denoiser import Denoiser
from .case import DENSE_DIM, Case, LogDensity, Prior
from .catalogue import IDENTITIES
from .causes import with_causes
from .contract import check_contract
from .finding import SKIPPED, Finding
from .identity import Identity
from .report import Report
from .symmetry import Symmetry

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-3}
SAMPLE_ENTRIES, MOST_SAMPLES, FEWEST_SAMPLES = 2**17, 4096, 24
PROBES_DENSE, PROBES_WIDE = 8, 4


def _selected(identities: Iterable[str] | None) -> list[Identity]:
    names = IDENTITIES if identities is None else check_argument.items("identities", identities)
    return [IDENTITIES[check_argument.choice("identities", name, IDENTITIES)] for name in names]


def check(
    denoiser: Denoiser,
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
    """Measure every applicable identity of a denoiser at given points and one noise level.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma) -> E[x0 | x]`.
    x : torch.Tensor
        The points `(batch, *event)`.
    sigma : float
        The noise level, > 0.
    prior : callable, optional
        `prior(n, seed) -> (n, *event)` draws clean data.
    log_density : callable, optional
        `log_density(x, sigma) -> (batch,)` is log p_sigma.
    symmetries : sequence of Symmetry
        Those that the prior has.
    every_sigma : bool
        False for a network that knows a range of noise levels only.
    identities : iterable of str, optional
        Names in `IDENTITIES`; by default all.
    tolerance : float, optional
        Relative; by default 1e-8 in float64, 1e-3 in float32.
    n_samples : int, optional
        Draws of the prior for averages, by default as many as the event leaves room for.
    n_probes : int, optional
        Random directions at each point; by default 8, and 4 above 64 dimensions.
    seed : int
        Seed of all draws.
    false_positive : float
        The chance of a false alarm: averages are allowed, beyond the tolerance, as many standard errors as give one
        in 1 / `false_positive` checks.

    Returns
    -------
    Report
        One finding per identity; those that need what is not given are "not applicable".

    Raises
    ------
    DenoiserContractError
        Where the callable is not a denoiser.
    NoiseLevelError
        Where sigma is not > 0.
    ShapeError
        Where the points or the draws of the prior are not of the right shape.
    UnknownNameError
        For a name that is not that of an identity.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> D = GaussianDenoiser(torch.zeros(2), torch.eye(2))
    >>> report = check(D, torch.ones(1, 2), 1.0, identities=["symmetry", "tweedie"])
    >>> [(finding.identity, finding.verdict) for finding in report]
    [('symmetry', 'holds'), ('tweedie', 'not applicable')]
    """
    sigma = check_argument.positive_sigma("sigma", sigma)
    x = check_argument.dataset("x", x)
    denoiser = in_evaluation(denoiser) if callable(denoiser) else denoiser
    chosen = _selected(identities)
    if prior is not None:
        check_argument.function("prior", prior, "prior(n, seed)")
    if log_density is not None:
        check_argument.function("log_density", log_density, "log_density(x, sigma)")
    check_contract(denoiser, x, _contract_sigmas([sigma], every_sigma))
    case = Case(
        denoiser=denoiser,
        x=x.detach(),
        sigma=sigma,
        prior=prior,
        log_density=log_density,
        symmetries=tuple(check_argument.items("symmetries", symmetries)),
        every_sigma=every_sigma,
        n_samples=sample_count(n_samples, x[0].numel()),
        n_probes=_probe_count(n_probes, x[0].numel()),
        seed=seed,
        tolerance=_tolerance(tolerance, x.dtype),
        false_positive=check_argument.real("false_positive", false_positive, 1e-300, 0.5),
    )
    return Report(tuple(with_causes(case, [identity.check(case) for identity in chosen])))


def sample_count(n_samples: int | None, dim: int) -> int:
    """The number of draws of the averages: as asked for, else by the entries of an event."""
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
    """The noise levels at which the contract is tried: a decade beyond, or just outside where the range is unknown."""
    margin = 10.0 if every_sigma else 1.05
    return [min(sigmas) / margin, *sigmas, max(sigmas) * margin]


@partial(typed, free=("denoiser",))
def assert_identities(
    denoiser: Denoiser,
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
    device: Device = "cpu",
) -> Report:
    """Check a denoiser at every noise level; return the findings, or raise with what broke.

    The points are noised draws of the prior, or `points`, or standard normal draws with the noise added.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma) -> E[x0 | x]`.
    event_shape : sequence of int
        The shape of one event.
    sigmas : iterable of float
        Noise levels > 0.
    prior : callable, optional
        `prior(n, seed) -> (n, *event)` draws clean data.
    log_density : callable, optional
        `log_density(x, sigma) -> (batch,)` is log p_sigma.
    symmetries : sequence of Symmetry
        Those that the prior has.
    every_sigma : bool
        False for a network that knows a range of noise levels only.
    identities : iterable of str, optional
        Names in `IDENTITIES`; by default all.
    points : torch.Tensor, optional
        Noisy points `(batch, *event)` to check at.
    batch : int
        Number of points, where none are given.
    tolerance : float, optional
        Relative; by default 1e-8 in float64, 1e-3 in float32.
    n_samples : int, optional
        Draws of the prior for averages, by default as many as the event leaves room for.
    n_probes : int, optional
        Random directions at each point; by default 8, and 4 above 64 dimensions.
    seed : int
        Seed of all draws.
    false_positive : float
        The chance of a false alarm: averages are allowed, beyond the tolerance, as many standard errors as give one
        in 1 / `false_positive` checks.
    dtype : torch.dtype
        Precision of the points.
    device : str or torch.device
        Where the points are.

    Returns
    -------
    Report
        One finding per identity and noise level, none of them broken.

    Raises
    ------
    IdentityViolation
        An AssertionError with one entry per broken identity; it carries the report.
    DenoiserContractError
        Before anything else, where the callable is not a denoiser.
    ArgumentError
        Where an argument is out of range.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> D = GaussianDenoiser([0.0, 0.0, 0.0], torch.eye(3, dtype=torch.float64))
    >>> report = assert_identities(D, (3,), [0.5], prior=D.sample, log_density=D.log_density, n_samples=256)
    >>> len(report.broken)
    0
    >>> wrong = check(lambda x, sigma: 0.9 * D(x, sigma), torch.ones(1, 3).double(), 0.5, log_density=D.log_density)
    >>> wrong.broken[-1].cause
    'the denoiser is 0.9 times the true one (this reproduces the answers)'
    """
    event_shape = tuple(
        check_argument.integer("event_shape", size, 1) for size in check_argument.items("event_shape", event_shape)
    )
    levels = [float(s) for s in check_argument.positive_sigmas("sigmas", check_argument.items("sigmas", sigmas))]
    batch = check_argument.integer("batch", batch, 1)
    denoiser = in_evaluation(denoiser) if callable(denoiser) else denoiser
    if points is not None:
        points = check_argument.finite("points", check_argument.batch("points", points, event_shape))
    if prior is not None:
        check_argument.function("prior", prior, "prior(n, seed)")
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


def _clean_points(
    event_shape: tuple[int, ...],
    prior: Prior | None,
    points: torch.Tensor | None,
    batch: int,
    seed: int,
    dtype: torch.dtype,
    device: Device,
) -> torch.Tensor:
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
