"""A file of HDF5 whose parts are looked up once.

h5netcdf asks the file for a variable or a dimension anew at each use, sixty times for one variable that is written. Of
a small result that was most of the time in which it is read or written.
"""

from __future__ import annotations

from typing import Any

import h5py


class RememberingFile(h5py.File):
    """An open file that keeps what it has been asked for by name; of groups in groups nothing may be deleted."""

    def __init__(self, *place: Any, **options: Any) -> None:
        self._known: dict[str, Any] = {}
        super().__init__(*place, **options)

    def __getitem__(self, name: Any) -> Any:
        """The object of this name, or behind this reference."""
        if not isinstance(name, str):
            return super().__getitem__(name)
        if name == "/":
            return self
        if name not in self._known:
            self._known[name] = super().__getitem__(name)
        return self._known[name]

    def __delitem__(self, name: str) -> None:
        """Remove an object, and what is known of it."""
        for spelled in (name, f"/{name}"):
            self._known.pop(spelled, None)
        super().__delitem__(name)

    def close(self) -> None:
        """Forget everything, and close."""
        self._known.clear()
        super().close()
