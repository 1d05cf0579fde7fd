r"""Predicted and measured transition times of a denoiser, side by side in every clock.

Measured: the cloning experiment (`clone_experiment`). Its curves, above chance and relative to 1, fall with the noise
from 1 to 0; they pass

    0.5504    where two equal Gaussian classes are at c^2 = 1 (phi = 0.7752), "speciation" of [@Biroli2024],
    0.5       half-clone; for images, where half of the clones still agree.

Predicted: where the theory of the same data puts those points, and the criteria that stand for them in the literature.
How well the two agree depends on the clock: a ratio of 1.4 in OU time can be 0.96 in DDPM steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.crossing import with_error
from ..._support.labels import class_codes
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ...theory.denoiser import Denoiser
from ...theory.mixture import MixtureDenoiser
from ...theory.noise import DiscreteSchedule, NoiseLevel
from ...theory.transition import Law, Transition
from ...theory.transitions import class_speciation, collapse, speciation
from ...theory.transitions._cloning import classes, cloning_probability
from ...theory.transitions.roots import root, slope
from ..measures.crossing import falling_crossing, image_bootstrap
from ._image_agreement import image_agreement
from .clone_experiments import Labeller, clone_experiment

SPECIATION = 2 * float(cloning_probability(1.0)) - 1


HALF = 0.5


CLOCKS = ("sigma", "SNR", "alpha_bar", "OU time", "flow time", "DDPM step")


RANGE = (1e-3, 1e3)


@typed
def predicted_transition_times(
    data: ArrayLike, labels: ArrayLike, training: ArrayLike | None = None, *, n_draws: int = 512, seed: int = 0
) -> dict[str, tuple[str, float, Transition]]:
    """What theory predicts for the clones of labelled data, and where on which measured curve to look for it.

    For the classes: the variance rule, c^2 = 1 for two classes, and the clones of a Gaussian per class at both levels
    [@Biroli2024]; for the training images, where given: the Gaussian bound and the middle of the collapse, and the
    clones of the empirical optimum.

    Parameters
    ----------
    data : array_like, shape (n, *event)
        Data of two classes or more.
    labels : array_like, shape (n,)
        Their classes.
    training : array_like, shape (m, *event), optional
        Images that a denoiser may have memorised.
    n_draws : int
        Draws of the averages that have no closed form.
    seed : int
        Of these draws.

    Returns
    -------
    dict
        `{row: (curve, level, transition)}`: the variable of `clone_experiment`, the agreement above chance at which to
        read it, and the predicted `Transition` in sigma.

    Raises
    ------
    ShapeError
        There is not one label per datum.
    ArgumentError
        All labels are the same.

    Examples
    --------
    >>> x = torch.tensor([[-1.1], [-0.9], [0.9], [1.1]])
    >>> rows = predicted_transition_times(x, [0, 0, 1, 1])
    >>> curve, level, transition = rows["classes: c^2 = 1"]
    >>> curve, round(level, 2), transition.unit
    ('agreement', 0.55, 'sigma')
    """
    data = check.points("data", data, minimum=2).double()
    check.integer("n_draws", n_draws, 2)
    labels = torch.from_numpy(class_codes("labels", labels, len(data)).codes)
    if len(labels.unique()) < 2:
        raise ArgumentError("labels", "are all the same", "pass data of two classes or more")
    rows = {"classes: variance rule": ("agreement", SPECIATION, speciation(data))}
    if len(labels.unique()) == 2:
        rows["classes: c^2 = 1"] = ("agreement", SPECIATION, next(iter(class_speciation(data, labels).values())))
    mixture = MixtureDenoiser.fit(data, labels)
    for name, level in (("speciation level", SPECIATION), ("half-clone", HALF)):
        rows[f"classes: Gaussian clones, {name}"] = ("agreement", level, _clone_time(mixture, level, n_draws, seed))
    if training is not None:
        training = check.points("training", training, minimum=2).double()
        rows["images: Gaussian bound"] = ("image_agreement", HALF, collapse(training))
        half_entropy = collapse(training, criterion="entropy", n_draws=n_draws, seed=seed)
        rows["images: half the entropy"] = ("image_agreement", HALF, half_entropy)
        rows["images: empirical clones"] = ("image_agreement", HALF, _image_time(training, n_draws, seed))
    return rows


def _clone_time(mixture: MixtureDenoiser, level: float, n_draws: int, seed: int) -> Transition:
    found = classes(mixture, n_draws, seed)
    chance = float(np.exp(2 * found.log_weights).sum())

    def above(sigma: float) -> tuple[float, float]:
        value, error = found.agreement(sigma)
        return (value - chance) / (1 - chance) - level, error / (1 - chance)

    return _falls("clones of Gaussian classes", above, rf"(\phi - \sum \pi_k^2) / (1 - \sum \pi_k^2) = {level:.4g}")


def _image_time(training: torch.Tensor, n_draws: int, seed: int) -> Transition:
    def above(sigma: float) -> tuple[float, float]:
        value, error = image_agreement(training, sigma, n_draws, seed)
        return float(value[0]) - HALF, float(error[0])

    return _falls("clones of the empirical optimum", above, r"E \sum_i w_i^2 = 1/2")


def _falls(name: str, above: Callable[[float], tuple[float, float]], equation: str) -> Transition:
    def value(sigma: float) -> float:
        return above(sigma)[0]

    law = Law(name, equation=equation, reference="Biroli2024", unit="sigma")
    if value(RANGE[0]) <= 0 or value(RANGE[1]) >= 0:
        return law.absent("the clones do not pass this agreement")
    sigma = root(value, *RANGE, tolerance=1e-4)
    return law.at(sigma, above(sigma)[1] / abs(slope(value, sigma)))


@typed
def measured_transitions(
    denoiser: Denoiser,
    data: ArrayLike,
    labels: ArrayLike,
    labeller: Labeller,
    sigmas: ArrayLike | None = None,
    *,
    training: ArrayLike | None = None,
    n_starts: int = 256,
    n_clones: int = 2,
    n_steps: int = 40,
    n_draws: int = 512,
    schedule: DiscreteSchedule | None = None,
    seed: int = 0,
    show: bool | None = None,
) -> xr.Dataset:
    """Predicted and measured transition times of a denoiser, next to each other in every clock.

    Parameters
    ----------
    denoiser : Denoiser
        Any `denoiser(x, sigma) -> E[x0 | x]`.
    data : array_like, shape (n, *event)
        They give the theory; the first `n_starts` are the starting images.
    labels : array_like, shape (n,)
        The classes of the data.
    labeller : callable
        Sees the classes of clones, for example a `learned.Classifier`.
    sigmas : array_like, shape (levels,), optional
        Increasing noise levels (default: 12 from 0.1 to 10).
    training : array_like, shape (m, *event), optional
        Images that the denoiser may have memorised.
    n_starts, n_clones, n_steps, n_draws : int
        Starting images, clones of each, steps of a trajectory, and draws of the predictions.
    schedule : DiscreteSchedule, optional
        Of the clock "DDPM step" (default: linear, 1000 steps from 1e-4 to 0.02).
    seed : int
        Of everything.
    show : bool, optional
        Whether to show progress (default: on a terminal).

    Returns
    -------
    Dataset over `(transition, clock)`
        `predicted` and `measured`, each with `_stderr` (measured: bootstrap over starting images), and the `ratio` of
        measured to predicted; nan where there is none. `equation` and `reference` say what was predicted, `level` at
        which agreement above chance the measured time was read. The curves of `clone_experiment` over `sigma` are in
        it too.

    Raises
    ------
    ArgumentError
        `sigmas` are not two or more increasing levels, or all labels are the same.
    ShapeError
        There is not one label per datum.
    DenoiserContractError
        A trajectory is not finite.

    Examples
    --------
    >>> from idealscore.theory import MixtureDenoiser
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-2.0], [2.0]], [0.1, 0.1])
    >>> x = mixture.sample(256)
    >>> labels = (x[:, 0] > 0).long()
    >>> found = measured_transitions(mixture, x, labels, lambda x: (x[:, 0] > 0).long(), [0.5, 1, 2, 4, 8], n_steps=20)
    >>> ratio = found.ratio.sel(transition="classes: c^2 = 1", clock="sigma").item()
    >>> 0.5 < ratio < 1.5
    True
    """
    data = check.points("data", data, minimum=2)
    starts = data[: check.integer("n_starts", n_starts, 2)]
    grid = np.geomspace(0.1, 10, 12) if sigmas is None else check.positive_sigmas("sigmas", sigmas)
    if len(grid) < 2 or not bool((np.diff(grid) > 0).all()):
        raise ArgumentError("sigmas", "are not two or more increasing levels", "sort them, smallest first")
    rows = predicted_transition_times(data, labels, training, n_draws=n_draws, seed=seed)
    with check.speaking_of("data", "denoiser", "labeller", "training", "n_clones", "n_steps", "seed", "show"):
        result = clone_experiment(
            denoiser, starts, labeller, grid,
            training=training, n_clones=n_clones, n_steps=n_steps, seed=seed, show=show,
        )  # fmt: skip
    schedule = schedule or DiscreteSchedule.linear(1000, 1e-4, 0.02)
    table = {name: [] for name in ("predicted", "predicted_stderr", "measured", "measured_stderr")}
    for curve, level, transition in rows.values():
        found, found_error = _crossing(result, curve, level, seed)
        sigma = math.nan if transition.value is None else transition.value
        for name, (value, error) in {
            "predicted": on_clocks(sigma, transition.stderr, schedule),
            "measured": on_clocks(found, found_error, schedule),
        }.items():
            table[name].append(value)
            table[f"{name}_stderr"].append(error)
    times = {name: (("transition", "clock"), np.array(values)) for name, values in table.items()}
    result = result.assign_coords(transition=list(rows), clock=list(CLOCKS)).assign(times)
    result["ratio"] = result.measured / result.predicted
    result["level"] = ("transition", [level for _, level, _ in rows.values()])
    result["equation"] = ("transition", [t.equation for _, _, t in rows.values()])
    result["reference"] = ("transition", [t.reference for _, _, t in rows.values()])
    result.attrs |= provenance(seed=seed) | {"n": len(starts), "n_data": len(data)}
    return result


def _crossing(result: xr.Dataset, curve: str, level: float, seed: int) -> tuple[float, float]:
    """The noise level where a curve of `result` passes `level` above chance, and its error over starting images."""
    resampled = image_bootstrap(result[f"{curve}_each"].values, result[f"{curve}_chance_each"].values, seed)
    sigma, error = with_error(lambda curves: falling_crossing(result.sigma, curves, level), resampled)
    return float(sigma), float(error)


def on_clocks(sigma: float, error: float, schedule: DiscreteSchedule) -> tuple[np.ndarray, np.ndarray]:
    """The time and its error, carried over by the derivative, on every one of CLOCKS."""
    if not math.isfinite(sigma):
        return np.full(len(CLOCKS), np.nan), np.full(len(CLOCKS), np.nan)
    step = 1e-4 * sigma
    here, before, after = (_clocks(s, schedule) for s in (sigma, sigma - step, sigma + step))
    return here, np.abs(after - before) / (2 * step) * error


def _clocks(sigma: float, schedule: DiscreteSchedule) -> np.ndarray:
    found = Transition("", NoiseLevel(sigma), sigma, 0.0, "sigma", "", "").clocks(schedule)
    return np.array([found[name] for name in CLOCKS])
