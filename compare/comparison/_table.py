"""The table of a comparison: one row per noise level, the predicted transitions between the rows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.display.tables import aligned
from ..._support.estimates import show
from ..._support.typed import typed
from ...theory.noise import DiscreteSchedule, NoiseLevel
from ._explanation import explanation, shares
from ._own_levels.steps import step_text, steps_legend
from .options import HELD_OUT

SHARES = (
    "explained by each theory: 1 - E|s_net - s_theory|^2 / E|s_net|^2 in percent (± standard error); best:"
    " by the theory that is best on the other half of the points; combination: by the convex combination ('of') with"
    " weights fitted on the other half; null: by the Gaussian that knows only mean and variance of the training images."
)
HANDED_OVER = "the network as it was handed over"
PREDICTED = {"Gaussian": "predicted_denoising_error", "two Gaussians": "predicted_disagreement"}
DDPM = DiscreteSchedule.linear(1000, 1e-4, 0.02)


def ddpm_step(sigma: float) -> str:
    """The step of the usual linear DDPM schedule, as text."""
    step = NoiseLevel(sigma).step(DDPM)
    return f"{step:.0f}" if np.isfinite(step) else "-"


def closest(level: xr.Dataset) -> str:
    """The closest theory of one noise level, or "none"; those that tie with it within two standard errors follow."""
    best = str(level.closest.item())
    if best not in level.theory:
        return best
    others = [str(name) for name in level.theory.values[level.tied.values.astype(bool)] if name != best]
    return " = ".join([best, *others])


def _gap(level: xr.Dataset) -> str:
    return "not finite" if bool(level.get("failed", False)) else f"{1 - float(level.explained_variance):.3g}"


def _errors(level: xr.Dataset) -> dict[str, str]:
    """The network's denoising error next to what the spectrum predicts of Gaussian optima; nothing in older results."""
    if "predicted_denoising_error" not in level:
        return {}
    columns = {"error": "network_denoising_error", **PREDICTED}
    return {head: show(float(level[name]), float(level[f"{name}_stderr"])) for head, name in columns.items()}


def _missed(level: xr.Dataset) -> tuple[float, float]:
    """The share of the network's score that a theory misses, and its error."""
    return 1 - float(level.explained_variance), float(level.explained_variance_stderr)


def rows(result: xr.Dataset, split: str = HELD_OUT) -> list[dict[str, str]]:
    """The cells of the table, as text, from the largest noise level to the smallest."""
    part = result.sel(split=split)
    flagged = "outside" in part and bool(part.outside.any())
    made = []
    for sigma in part.sigma.values[::-1]:
        level = part.sel(sigma=sigma)
        best = level.sel(theory=name) if (name := str(level.closest.item())) in level.theory else None
        made.append(
            {
                "sigma": f"{sigma:.3g}",
                "DDPM step": ddpm_step(sigma),
                **({"network step": step_text(level)} if "network_step" in level else {}),
                **({"trained": "outside" if bool(level.outside) else "yes"} if flagged else {}),
                "closest theory": closest(level),
                "score gap": "-" if best is None else show(*_missed(best)),
                "cosine": "-" if best is None else f"{float(best.cosine):.4f}",
                **_errors(level),
                **({"patch": f"{int(level.patch_size)}"} if "patch_size" in level else {}),
                **{f"to {name}": _gap(level.sel(theory=name)) for name in part.theory.values},
            }
        )
    return made


def transition_rows(result: xr.Dataset) -> list[tuple[float, str]]:
    """(sigma, sentence) of each predicted transition, largest sigma first."""
    made = []
    for name in result.transition.values:
        t = result.sel(transition=name)
        sigma = float(t.transition_sigma)
        where = f"sigma {show(sigma, float(t.transition_sigma_stderr))}, DDPM step {ddpm_step(sigma)}"
        made.append((sigma, f"predicted: {name} at {where}"))
    return sorted(made, reverse=True)


def paper_tables(result: xr.Dataset, split: str = HELD_OUT) -> dict[str, list[dict[str, str]]]:
    """{title: rows} of what a paper shows of a comparison: the distances, the shares, the predicted transitions."""
    made = {f"Distances on {split} images": rows(result, split)}
    made[f"Share of the score that is explained, in percent, on {split} images"] = shares(result, split)
    predicted = [
        {
            "transition": str(name),
            "sigma": show(float(one.transition_sigma), float(one.transition_sigma_stderr)),
            "DDPM step": ddpm_step(float(one.transition_sigma)),
        }
        for name in result.transition.values
        for one in [result.sel(transition=name)]
    ]
    return {**made, **({"Predicted transitions": predicted} if predicted else {})}


@typed
def table(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """The table of a comparison as text: a row for each noise level, the predicted transitions between the rows.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare`, or of `one_model`.
    split : {"held-out", "training"}, optional
        The images on which the distances were measured.

    Returns
    -------
    str
        The rows from the largest noise level to the smallest, and below them what the columns mean; then the shares
        of the score that each theory and the best combination explain, and one sentence that sums them up.

    Raises
    ------
    UnknownNameError
        For a split that the result does not have.

    Examples
    --------
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> text = table(compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False))
    >>> text.split()[:6]
    ['sigma', 'DDPM', 'step', 'closest', 'theory', 'score']
    """
    check.choice("split", split, map(str, result.split.values))
    cells = rows(result, split)
    line, rule, *body = aligned(cells)
    pending = transition_rows(result)
    out = [line, rule]
    for text, sigma in zip(body, result.sigma.values[::-1], strict=True):
        while pending and pending[0][0] > sigma:
            out.append(f"-- {pending.pop(0)[1]} ".ljust(len(line), "-"))
        out.append(text)
    out += [f"-- {sentence} ".ljust(len(line), "-") for _, sentence in pending]
    return "\n".join([*out, *legend(result, split), "", shares_table(result, split), "", explanation(result, split)])


def shares_table(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """What share of the score each theory explains, and all of them together, as text with what the columns mean."""
    return "\n".join([*aligned(shares(result, split)), SHARES])


def legend(result: xr.Dataset, split: str) -> list[str]:
    """What the columns mean, line by line."""
    lines = [
        f"{result.attrs['n']} {split} images, each noised {result.attrs['n_noise']} times; {result.attrs['network']}.",
        "score gap: E|s_net - s_theory|^2 / E|s_net|^2, the share of the network's score that the closest theory misses"
        " (± standard error); 'to NAME': the same for each theory; 'A = B': a tie within two standard errors; 'none':"
        " no theory explains any of the score.",
    ]
    lines += [f"{HANDED_OVER}: {problem}" for problem in np.atleast_1d(result.attrs.get("hand_over", "")) if problem]
    if scaling := result.attrs.get("data_scaling"):
        low, high = result.attrs["data_range"]
        range_ = f"range [{low:.6g}, {high:.6g}], {result.attrs['data_range_found']}"
        lines.append(f"data: {result.attrs['data']}, {range_}; scaling: {scaling}.")
    if "predicted_denoising_error" in result:
        lines.append(
            "error: E|D - x0|^2 / d of the network; predicted without training, from the spectrum of all images:"
            f" Gaussian, that of the Gaussian optimum of {result.attrs['n_train']} images; two Gaussians,"
            " E|D_1 - D_2|^2 / d of those of two disjoint sets, which a network that reproduces better has to beat."
        )
    if "network_step" in result:
        lines.append(steps_legend(result))
    if result.attrs.get("patch_sizes"):
        lines.append(f"patch: width of the patches of the local optimum in pixels, {result.attrs['patch_sizes']}.")
    if len(left := np.atleast_1d(result.attrs.get("left_out", ""))) and left[0]:
        lines.append(f"left out to keep the budget: {', '.join(map(str, left))}.")
    if "outside" in result and bool(result.outside.any()):
        low, high = result.attrs["trained_on"]
        lines.append(
            f"trained: 'outside' marks levels beyond {low:.3g} ... {high:.3g}, where the network extrapolates."
        )
    if result.attrs.get("held_out_in_training"):
        lines.append(f"{result.attrs['held_out_in_training']} of the held-out images are also training images.")
    return lines
