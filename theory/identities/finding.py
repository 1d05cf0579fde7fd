"""The outcome of one identity at one noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass

HOLDS, BROKEN, SKIPPED = "holds", "broken", "not applicable"


@dataclass(frozen=True)
class Finding:
    """The outcome of one identity at one noise level.

    Parameters
    ----------
    identity : str
        Its name.
    sigma : float
        The noise level.
    verdict : str
        "holds", "broken" or "not applicable".
    residual, scale, stderr : float
        At the worst place: the violation, the size of the two sides, and the standard error where an average was
        taken, else 0.
    allowed : float
        tolerance * scale + z * stderr: the identity is broken where `residual` exceeds it.
    size, size_stderr : float
        The root mean square of the violation over all places divided by that of the scale, with its error: how far
        from holding.
    where : str
        The worst place; what is missing, where the identity is not applicable.
    cause : str
        What usually breaks the identity.

    Examples
    --------
    >>> print(Finding("symmetry", 1.0, "holds", 0.0, 0.4, allowed=4e-9, where="point 0"))
    symmetry: holds at sigma 1, point 0: residual 0, allowed 4e-09, scale 0.4
    """

    identity: str
    sigma: float
    verdict: str
    residual: float = float("nan")
    scale: float = float("nan")
    stderr: float = 0.0
    allowed: float = float("nan")
    size: float = float("nan")
    size_stderr: float = 0.0
    where: str = ""
    cause: str = ""

    @property
    def broken(self) -> bool:
        """Whether the identity does not hold."""
        return self.verdict == BROKEN

    def __str__(self) -> str:
        if self.verdict == SKIPPED:
            return f"{self.identity}: {self.verdict} ({self.where})"
        error = f" ± {self.stderr:.2g}" if self.stderr > 0 else ""
        level = "" if math.isnan(self.sigma) else f"sigma {self.sigma:.4g}, "
        text = (
            f"{self.identity}: {self.verdict} at {level}{self.where}: "
            f"residual {self.residual:.3g}{error}, allowed {self.allowed:.2g}, scale {self.scale:.3g}"
        )
        return f"{text}\n    usual cause: {self.cause}" if self.broken else text
