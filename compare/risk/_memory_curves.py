"""Two signs of memory over training: the share of samples that are copies, and the gap between two denoising errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..._support.types import Array
from ...errors import ShapeError

SIGNS = ("copies", "gap")
AXES = ("n_train", "width", "step")


@dataclass(frozen=True)
class MemoryCurves:
    """A sign of memory over (n_train, width, step) with its error, and its null over n_train."""

    value: Array
    error: Array
    null: Array
    n_train: Array
    width: Array
    step: Array

    @classmethod
    def of(cls, result: xr.Dataset, sign: str) -> MemoryCurves:
        """The curves of a map; `sign` is one of `SIGNS`."""
        return _copies(result) if sign == "copies" else _gap(result)


def _copies(result: xr.Dataset) -> MemoryCurves:
    """Share of the samples that are copies; its null is the share of held-out images that count as copies."""
    if not {"memorised", "memorised_stderr"} <= set(result.data_vars):
        raise ShapeError("result", "lacks 'memorised' or its error", "pass the result of regime_map")
    curves = _over_axes(result[["memorised", "memorised_stderr"]], "memorised", AXES)
    null = result.get("held_out_memorised", xr.DataArray(0.0))
    return _made(curves, curves.memorised.values, curves.memorised_stderr.values, null.values)


def _gap(result: xr.Dataset) -> MemoryCurves:
    """1 - (denoising error on training images) / (that on held-out images), averaged over the noise levels.

    The errors of the levels are added, since all levels see the same images; the null is 0: images of both kinds are
    denoised alike by a network that has seen neither.
    """
    name = "denoising_error"
    if not {name, f"{name}_stderr"} <= set(result.data_vars):
        raise ShapeError("result", f"lacks '{name}' or its error", "pass the result of regime_map")
    curves = _over_axes(result[[name, f"{name}_stderr"]], name, (*AXES, "inputs", "sigma"))
    training, held_out = (curves.sel(inputs=which) for which in ("training", "held-out"))
    ratio = training[name] / held_out[name]
    error = (training[f"{name}_stderr"] ** 2 + (ratio * held_out[f"{name}_stderr"]) ** 2) ** 0.5 / held_out[name]
    return _made(curves, (1 - ratio).mean("sigma").values, error.mean("sigma").values, np.array(0.0))


def _over_axes(curves: xr.Dataset, name: str, axes: tuple[str, ...]) -> xr.Dataset:
    """With an axis of widths, the error as wide as the value, in this order of axes; refused with other axes."""
    if "width" not in curves.dims:
        curves = curves.expand_dims("width", 1)
    curves[f"{name}_stderr"] = curves[f"{name}_stderr"].broadcast_like(curves[name])
    if set(curves[name].dims) != set(axes):
        problem = f"has '{name}' over {tuple(map(str, curves[name].dims))}"
        raise ShapeError("result", problem, f"pass it over {', '.join(axes)}")
    return curves.transpose(*axes)


def _made(curves: xr.Dataset, value: Array, error: Array, null: Array) -> MemoryCurves:
    sizes = curves.n_train.values
    return MemoryCurves(
        value, error, np.broadcast_to(null, sizes.shape), sizes, curves.width.values, curves.step.values.astype(float)
    )
