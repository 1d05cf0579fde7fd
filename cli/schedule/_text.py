"""What `idealscore schedule` prints: a table of schedules, and the best one in the words of other libraries."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import Array, Record

WIDTH = 80
SAMPLERS = {"heun": "sample_heun", "euler": "sample_euler", "ddim": "sample_euler", "ddpm": "sample_euler_ancestral"}
IN_SIGMAS = {"euler": "EulerDiscreteScheduler", "ddim": "EulerDiscreteScheduler"}
IN_STEPS = {"heun": "HeunDiscreteScheduler", "ddpm": "DDPMScheduler"} | IN_SIGMAS


def error_rows(found: xr.Dataset) -> list[Record]:
    """A record of each schedule: its error, times that of the optimum, its lowest level; the levels themselves."""
    best = float(found.error.sel(schedule="optimal"))
    rows = []
    for name in found.schedule.values:
        at = found.sel(schedule=name)
        row: Record = {"schedule": str(name), "error": float(at.error), "error_stderr": float(at.error_stderr)}
        row["times optimal"] = float(at.error) / best if best > 0 else 1.0
        row["sigmas"] = at.sigmas.values.tolist()
        if "ddpm_steps" in found:
            row["timesteps"] = (at.ddpm_steps.values - 1).tolist()
            row["error of timesteps"] = float(at.whole_error)
        rows.append(row)
    return rows


def error_table(found: xr.Dataset) -> str:
    """One line per schedule, best first where the optimum leads."""
    from ..._support.estimates import show

    lines = [f"{'schedule':<14}{'error, % of the spread':>24}{'x optimal':>12}{'lowest sigma':>14}"]
    for row in error_rows(found):
        error = show(100 * row["error"], 100 * row["error_stderr"])
        lines.append(f"{row['schedule']:<14}{error:>24}{row['times optimal']:>12.3g}{row['sigmas'][-2]:>14.4g}")
    return "\n".join(lines)


def gain_table(gain: xr.Dataset) -> str:
    """Distances to the fine run, measured and predicted, and their ratio to those of the Karras grid."""
    from ..._support.estimates import show

    steps = int(gain.steps[0])
    at = gain.sel(steps=steps)
    lines = [
        f"{'schedule':<12}{'distance, %':>18}{'predicted':>11}{'/ that of karras':>20}{'predicted':>11}",
    ]
    for name in at.schedule.values:
        one = at.sel(schedule=name)
        distance = show(100 * float(one.distance), 100 * float(one.distance_stderr))
        ratio = show(float(one.ratio), float(one.ratio_stderr)) if name != "karras" else "1"
        predicted, wanted = 100 * float(one.predicted), float(one.ratio_predicted)
        lines.append(f"{name!s:<12}{distance:>18}{predicted:>11.4g}{ratio:>20}{wanted:>11.3g}")
    floor, chance = (show(100 * float(gain[k]), 100 * float(gain[f"{k}_stderr"])) for k in ("floor", "chance"))
    lines.append(f"two fine runs: {floor}; unrelated samples: {chance}; {gain.attrs['n']} samples")
    return "\n".join(lines)


def pasted(found: xr.Dataset) -> str:
    """The optimal levels as diffusers and k-diffusion take them."""
    at, solver = found.sel(schedule="optimal"), str(found.attrs["solver"])
    sigmas = listed("sigmas = [", [f"{value:.6g}" for value in at.sigmas.values])
    lines = ["the optimal levels; to paste:", "", sigmas, ""]
    if solver in IN_SIGMAS:
        lines += [f"# diffusers, {IN_SIGMAS[solver]}:", "scheduler.set_timesteps(sigmas=sigmas)"]
    if "ddpm_steps" in found:
        steps = listed("timesteps = [", [str(step - 1) for step in at.ddpm_steps.values])
        lines += [
            steps,
            f"# diffusers, {IN_STEPS[solver]}, 1000 linear steps; error {100 * float(at.whole_error):.4g} %:",
        ]
        lines += ["scheduler.set_timesteps(timesteps=timesteps)"]
    lines += ["# k-diffusion, x noise of standard deviation 1:"]
    lines += [f"k_diffusion.sampling.{SAMPLERS[solver]}(", "    model, x * sigmas[0], torch.tensor(sigmas))"]
    lines += ["# idealscore:", f"idealscore.simulate.sample(denoiser, x * sigmas[0], sigmas, {solver!r})"]
    return "\n".join(lines)


def listed(head: str, values: list[str] | Array) -> str:
    """A list over as many lines as the width takes."""
    text = head + ", ".join(map(str, np.asarray(values))) + "]"
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_long_words=False))
