"""The results of a sweep as one labelled Dataset, each file read when its numbers are asked for."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from .._support import checks as check
from .._support import results as saved
from .._support.typed import typed
from ..errors import DataFileError, EmptyDataError
from ._values import ERRORS
from .folder import SweepFolder
from .grids import Grid

if TYPE_CHECKING:
    import xarray as xr

    from .._support.types import FilePath


@typed
def results(out: FilePath) -> xr.Dataset:
    """What a sweep has computed so far, as one labelled Dataset.

    Nothing is read until it is asked for, and every file is held against its digest when it is.

    Parameters
    ----------
    out : path
        Folder of the sweep.

    Returns
    -------
    xarray.Dataset
        The variables of the function over the axes of the sweep, then over the dimensions of the function's own
        result. `sweep_error` says what went wrong at a point: nothing (""), "not computed yet", or the error; the
        values there are NaN.

    Raises
    ------
    DataFileError
        Where the folder holds no sweep or a file is damaged.
    EmptyDataError
        Where no point is done.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore import sweep
    >>> from idealscore.theory.percolation import giant_component
    >>> out = tempfile.mkdtemp()
    >>> _ = sweep(giant_component, {"degrees": [0.5, 2.0]}, out, workers=0)
    >>> results(out).q.round(2).values
    array([0. , 0.8])
    """
    folder = SweepFolder(out)
    with check.speaking_of("out"):
        described = folder.description()
    grid = Grid.of(described["axes"], fixed=described.get("fixed"))
    done = np.array([folder.point(index).is_file() for index in range(len(grid))])
    return assemble(folder, grid, done)


def assemble(folder: SweepFolder, grid: Grid, done: np.ndarray) -> xr.Dataset:
    """The Dataset of a sweep, given which points have a result."""
    import xarray as xr

    failures = folder.failures()
    if not done.any():
        first = f": {next(iter(failures.values()))}" if failures else ""
        raise EmptyDataError("out", f"no point of {folder.path} has a result{first}", "look into failed/")
    template = saved.load(folder.point(int(done.argmax())))
    reader = PointReader(folder, template, done)
    dims, data = grid.names, {}
    for name, variable in template.data_vars.items():
        array = PointArray(reader, str(name), grid.shape)
        lazy = indexing.MemoryCachedArray(indexing.LazilyIndexedArray(array))
        data[name] = xr.Variable((*dims, *variable.dims), lazy, variable.attrs)
    errors = np.full(len(grid), "", dtype=object)
    errors[~done] = "not computed yet"
    for index, error in failures.items():
        if index < len(grid) and not done[index]:
            errors[index] = error
    data[ERRORS] = (dims, errors.reshape(grid.shape))
    coordinates = {**template.coords, **{name: list(values) for name, values in grid.axes}}
    made = folder.description()
    counts = {"points": len(grid), "finished": int(done.sum()), "failed": int((errors != "").sum() - _open(errors))}
    return xr.Dataset(data, coordinates, {**made.get("provenance", {}), "function": made["function"], **counts})


def _open(errors: np.ndarray) -> int:
    return int((errors == "not computed yet").sum())


class PointReader:
    """Reads the variables of one point, and checks that the file is whole and like that of the first point."""

    def __init__(self, folder: SweepFolder, template: xr.Dataset, done: np.ndarray) -> None:
        self.folder, self.template, self.done = folder, template, done
        self.plain = all(v.dtype.kind in "iufb" for v in template.variables.values())
        self.scalars: dict[int, dict[str, Any]] = {}

    def read(self, index: int, name: str) -> Any:
        """The value of a variable at a point; numbers are kept, arrays are not."""
        if index in self.scalars and name in self.scalars[index]:
            return self.scalars[index][name]
        path = self.folder.point(index)
        try:
            if saved.intact(path) is not True:
                raise DataFileError("path", f"{path} is damaged", "repeat the sweep; it makes this point again")
            values = self._plain(path, name) if self.plain else self._decoded(path)
        except OSError as error:
            raise DataFileError("path", f"{path} is unreadable ({error})", "repeat the sweep") from None
        self.scalars[index] = {key: value for key, value in values.items() if np.ndim(value) == 0}
        return values[name]

    def _plain(self, path: Any, name: str) -> dict[str, Any]:
        import h5py

        with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
            if not set(self.template.data_vars) <= set(file):
                raise self._unlike(path, f"holds {', '.join(file)}")
            for own in (*self.template.coords, *self.template.data_vars):
                stored: Any = file.get(own)
                if stored is None or stored.shape != self.template[own].shape:
                    raise self._unlike(path, f"differs in the shape of {own}")
            for coordinate in self.template.coords:
                if not np.array_equal(self._stored(file, coordinate), self.template[coordinate].values, equal_nan=True):
                    raise self._unlike(path, f"differs in the coordinate {coordinate}")
            scalars = {str(v): self._stored(file, v) for v in self.template.data_vars if not self.template[v].ndim}
            return scalars if name in scalars else {**scalars, name: self._stored(file, name)}

    def _stored(self, file: Any, name: Any) -> np.ndarray:
        """A variable as it was given: truth values are stored as small integers."""
        return np.asarray(file[name][()], self.template[name].dtype)

    def _decoded(self, path: Any) -> dict[str, Any]:
        point = saved.load(path)
        if set(point.variables) != set(self.template.variables):
            raise self._unlike(path, f"holds {', '.join(map(str, point.variables))}")
        for own in self.template.variables:
            if point[own].dims != self.template[own].dims or point[own].shape != self.template[own].shape:
                raise self._unlike(path, f"differs in the shape of {own}")
        for coordinate in self.template.coords:
            if not point[coordinate].variable.equals(self.template[coordinate].variable):
                raise self._unlike(path, f"differs in the coordinate {coordinate}")
        return {str(name): variable.values for name, variable in point.data_vars.items()}

    def _unlike(self, path: Any, difference: str) -> DataFileError:
        remedy = "let the function return the same variables, shapes and coordinates at every point"
        return DataFileError("path", f"{path} cannot be joined with the first point: it {difference}", remedy)


class PointArray(BackendArray):
    """One variable over the whole grid; indexing it reads the files of the points asked for and no others."""

    def __init__(self, reader: PointReader, name: str, axes: tuple[int, ...]) -> None:
        variable = reader.template[name]
        self.reader, self.name, self.axes = reader, name, axes
        self.shape = (*axes, *variable.shape)
        gaps = not reader.done.all()
        self.dtype = np.dtype(np.float64) if gaps and variable.dtype.kind in "iub" else variable.dtype
        if variable.dtype.kind in "OUT":
            self.dtype = np.dtype(object)
        gap: dict[str, Any] = {"O": "", "M": np.datetime64("NaT"), "m": np.timedelta64("NaT"), "f": np.nan, "c": np.nan}
        self.gap = gap.get(self.dtype.kind, 0)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)

    def _get(self, key: tuple[Any, ...]) -> np.ndarray:
        indices = np.arange(math.prod(self.axes)).reshape(self.axes)[key[: len(self.axes)]]
        inner = key[len(self.axes) :]
        shape = np.empty(self.reader.template[self.name].shape, dtype=bool)[inner].shape if inner else ()
        found = np.full((*indices.shape, *shape), self.gap, dtype=self.dtype)
        for place, index in np.ndenumerate(indices):
            if self.reader.done[index]:
                found[place] = np.asarray(self.reader.read(int(index), self.name))[inner]
        return found
