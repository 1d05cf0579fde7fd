"""What `composition` found, as records and as text."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support.estimates import mean_error, show
from ..._support.types import Record
from ...errors import EstimateError, ShapeError
from ..measures.curve_fit import FORMS, fit_curve
from ._by_distance import by_distance


def law_records(result: xr.Dataset) -> list[Record]:
    """For each law the distance of the joint accuracy from it."""
    return [
        {"law": str(law), "rms": float(result.rms.sel(law=law)), "max": float(result.deviation.sel(law=law))}
        for law in result.law.values
    ]


def distance_records(result: xr.Dataset) -> list[Record]:
    """For each concept distance the time of emergence, and the step up from the distance before."""
    found = by_distance(result)
    records = []
    for i, d in enumerate(found.distance.values):
        one = found.isel(distance=i)
        record = {"distance": int(d), "classes": int(one.n_classes), "time": float(one.time)}
        record |= {"time_stderr": float(one.time_stderr), "reached": float(one.reached)}
        if i:
            record |= {"gap": float(found.gap[i - 1]), "gap_stderr": float(found.gap_stderr[i - 1])}
        records.append(record)
    return records


def class_records(result: xr.Dataset) -> list[Record]:
    """For each class the times of the joint accuracy and of each concept; nan where a seed does not get there."""
    records = []
    for label in result["class"].values:
        one = result.sel({"class": label})
        time, error = _over_seeds(one.time)
        record: Record = {"class": str(label), "time": time, "time_stderr": error}
        if "distance" in result.coords:
            record["distance"] = int(one.distance)
        for concept in result.concept.values:
            record[f"time {concept}"] = _over_seeds(one.concept_time.sel(concept=concept))[0]
        record["final"] = float(one.joint.isel(step=-1).mean())
        records.append(record)
    return records


def fit_records(result: xr.Dataset) -> list[Record]:
    """For the curves of one class: the closed forms fitted to each concept and to the joint accuracy."""
    n = result.attrs.get("n_samples")
    curves = {str(name): result.accuracy.sel(concept=name) for name in result.concept.values} | {"joint": result.joint}
    records = []
    for name, curve in curves.items():
        for form in FORMS:
            try:
                fit = fit_curve(result.step.values, curve.values, form, n_samples=n)
            except (EstimateError, ShapeError):
                continue
            record = {"curve": name, "form": form, **fit.parameters, "rms": fit.rms, "chi2": fit.chi2, "aic": fit.aic}
            records.append(record)
    return records


def table(result: xr.Dataset) -> str:
    """The records as text: laws, distances and classes, those of them that the curves have."""
    share = result.attrs["threshold"]
    lines = [f"{'joint accuracy against':<24}{'rms':>8}{'largest':>9}"]
    lines += [f"{r['law']:<24}{r['rms']:>8.4f}{r['max']:>9.4f}" for r in law_records(result)]
    if np.isfinite(result.chi2):
        lines.append(f"independent concepts: mean squared deviation {float(result.chi2):.2f} of that by chance")
    if "class" not in result.time.dims:
        lines += ["", f"accuracy {share:g} at step {float(result.time):.4g}"]
        lines += [
            f"  {name}: {float(t):.4g}"
            for name, t in zip(result.concept.values, result.concept_time.values, strict=True)
        ]
        lines += ["", f"{'curve':<16}{'form':<12}{'rms':>8}{'AIC':>9}  parameters"]
        for r in fit_records(result):
            told = ", ".join(f"{key} {r[key]:.4g}" for key in ("chance", "rate", "time", "width") if key in r)
            lines.append(f"{r['curve']:<16}{r['form']:<12}{r['rms']:>8.4f}{r['aic']:>9.1f}  {told}")
        return "\n".join(lines)
    seeds = result.sizes.get("seed", 1)
    if "distance" in result.coords:
        lines += ["", f"steps to accuracy {share:g}, over {seeds} seed(s)"]
        lines.append(f"{'distance':<10}{'classes':>8}{'steps':>20}{'reached':>9}{'later than before by':>24}")
        for r in distance_records(result):
            later = show(r["gap"], r["gap_stderr"]) if "gap" in r else ""
            bound = "" if r["reached"] == 1 else ">= "
            when = bound + show(r["time"], r["time_stderr"])
            lines.append(f"{r['distance']:<10}{r['classes']:>8}{when:>20}{r['reached']:>9.2f}{later:>24}")
    names = [str(name) for name in result.concept.values]
    lines += ["", f"{'class':<10}{'steps':>20}" + "".join(f"{name:>12}" for name in names) + f"{'final':>8}"]
    for r in class_records(result):
        parts = "".join(f"{r[f'time {name}']:>12.4g}" for name in names)
        lines.append(f"{r['class']:<10}{show(r['time'], r['time_stderr']):>20}{parts}{r['final']:>8.3f}")
    return "\n".join(lines)


def _over_seeds(time: xr.DataArray) -> tuple[float, float]:
    mean, error = mean_error(np.atleast_1d(time.values))
    return float(mean), float(error)
