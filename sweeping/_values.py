"""What a function returned at one point, as the bytes of a netCDF file."""

from __future__ import annotations

import io
import json
from collections.abc import Hashable, Iterable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from .._support import results as saved
from ..errors import ArgumentError

if TYPE_CHECKING:
    import xarray as xr


ERRORS = "sweep_error"


class TakenNameError(ArgumentError):
    """A result that cannot be joined with the axes of its sweep, wherever it is computed: no point can be right."""


def point_file(value: Any, place: Mapping[str, Any], sweep: str) -> bytes:
    """The sealed file of one point: a number, a mapping of numbers, a DataArray or a Dataset.

    The same value gives the same bytes, on whatever worker.
    """
    attributes = {"sweep": sweep, "point": json.dumps(dict(place))}
    scalars = _scalars(value)
    if scalars is not None:
        _refuse_taken_names(scalars, place)
    content = saved.image(_dataset(value, place, attributes)) if scalars is None else _light(scalars, attributes)
    return saved.sealed(content)


def _refuse_taken_names(names: Iterable[Hashable], place: Mapping[str, Any]) -> None:
    if clash := sorted({*place, ERRORS} & {str(name) for name in names}):
        owner = "names what went wrong at a point" if clash[0] == ERRORS else "is an axis of the sweep"
        raise TakenNameError("function", f"returns a '{clash[0]}', which {owner}", "return it under another name")


def _scalars(value: Any) -> dict[str, np.ndarray] | None:
    """Numbers by name, None where there is more than numbers."""
    named = value if isinstance(value, Mapping) else {"q": value}
    arrays = {}
    for name, item in named.items():
        if not isinstance(item, (Number, np.generic, np.ndarray)):
            return None
        array = np.asarray(item)
        if array.ndim or array.dtype.kind not in "biuf" or not isinstance(name, str) or not name.isidentifier():
            return None
        arrays[name] = array.astype(np.float64) if array.dtype.itemsize not in (1, 4, 8) else array
    return arrays or None


def _light(scalars: Mapping[str, np.ndarray], attributes: Mapping[str, str]) -> bytes:
    """Numbers as netCDF-4, five times as fast as by way of a Dataset."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="v110") as file:
        for name, array in scalars.items():
            truth = array.dtype == bool
            variable = file.create_dataset(name, data=array.astype(np.int8) if truth else array)
            if truth:
                variable.attrs["dtype"] = "bool"
        file.attrs.update(attributes)
    return buffer.getvalue()


def _dataset(value: Any, place: Mapping[str, Any], attributes: Mapping[str, str]) -> xr.Dataset:
    import xarray as xr

    if isinstance(value, xr.DataArray):
        value = value.to_dataset(name=value.name or "q")
    elif isinstance(value, Mapping) and not isinstance(value, xr.Dataset):
        value = xr.Dataset(dict(value))
    if not isinstance(value, xr.Dataset):
        raise TypeError(
            f"the function returned {type(value).__name__}; return a number, a dict of numbers or a Dataset"
        )
    _refuse_taken_names((*value.dims, *value.data_vars), place)
    value = value.drop_vars([name for name in value.coords if name in place])
    if not value.data_vars:
        raise ValueError("the result holds no variable")
    return value.drop_encoding().assign_attrs(attributes)
