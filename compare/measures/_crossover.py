"""Where a curve over training-set sizes crosses a level, with the error that its error bars bring along."""

from __future__ import annotations

import numpy as np

from ..._support.estimates import passage
from ..._support.streams import stream

DRAWS = 400


def crossing(sizes: np.ndarray, values: np.ndarray, level: float, rising: bool) -> float:
    """The size of the last passage from the wrong to the right side of `level`, linear in log n; nan without one.

    >>> round(crossing(np.array([10.0, 1000.0]), np.array([1.0, 0.0]), 0.5, rising=False), 6)
    100.0
    """
    gap = (values - level) * (1 if rising else -1)
    below = np.flatnonzero(gap < 0)
    if not len(below) or below[-1] == len(gap) - 1:
        return float("nan")
    return passage(sizes, values, below[-1], level)


def crossover(
    sizes: np.ndarray, values: np.ndarray, errors: np.ndarray, level: float, rising: bool, seed: int
) -> tuple[float, float]:
    """(size, standard error): `crossing`, and n times the spread of log n over redraws of the curve in its errors.

    A redraw without a crossing counts as one at the end of the range where it is missing, so that an uncertain
    crossing has a large error; the error is nan where there is no crossing at all.

    >>> n, error = crossover(np.array([10.0, 1000.0]), np.array([1.0, 0.0]), np.array([0.1, 0.1]), 0.5, False, 0)
    >>> round(n), 20 < error < 60
    (100, True)
    """
    found = crossing(sizes, values, level, rising)
    if np.isnan(found):
        return found, float("nan")
    noise = stream(seed, "crossover").standard_normal((DRAWS, len(sizes)))
    redrawn = values + np.nan_to_num(errors) * noise
    places = np.array([crossing(sizes, row, level, rising) for row in redrawn])
    passed = (redrawn[:, -1] > level) == rising
    places = np.where(np.isnan(places), np.where(passed, sizes[0], sizes[-1]), places)
    return found, float(found * np.log(places).std(ddof=1))
