"""The findings of one check, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._support.display.boxes import Boxed
from .catalogue import IDENTITIES
from .finding import SKIPPED, Finding

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Report(Boxed):
    """The findings of one check, in the order of noise levels and of the catalogue.

    Parameters
    ----------
    findings : tuple of Finding
        One per identity and noise level.

    Examples
    --------
    >>> report = Report((Finding("symmetry", 1.0, "broken"), Finding("mean", 1.0, "holds")))
    >>> report.headline, len(report.broken), [finding.identity for finding in report]
    ('symmetry', 1, ['symmetry', 'mean'])
    """

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
        known = [name for name in IDENTITIES if name in names]
        return next(iter([*known, *sorted(names)]), None)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)

    def to_dataset(self) -> xr.Dataset:
        """The findings as a table.

        Returns
        -------
        xarray.Dataset
            `size` with `size_stderr`, `residual`, `scale`, `stderr` and `verdict` over (identity, sigma).
        """
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
