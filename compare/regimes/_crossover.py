"""The training-set size where a curve passes a level, with the error that its error bars bring along."""

from __future__ import annotations

import numpy as np

from ..._support.crossing import Resample, crossing, with_error
from ..._support.streams import stream

DRAWS = 400


def crossover(
    sizes: np.ndarray, values: np.ndarray, errors: np.ndarray, level: float, rising: bool, seed: int
) -> tuple[float, float]:
    """(size, standard error): the last `crossing`, and n times the scatter of log n over redraws within the errors.

    A redraw without a crossing counts as one at the end of the range where it is missing, so that an uncertain
    crossing has a large error; the error is nan where there is no crossing at all.

    >>> n, error = crossover(np.array([10.0, 1000.0]), np.array([1.0, 0.0]), np.array([0.1, 0.1]), 0.5, False, 0)
    >>> round(n), 20 < error < 60
    (100, True)
    """
    noise = stream(seed, "crossover").standard_normal((DRAWS, len(sizes)))
    curves = np.concatenate([values[None], values + np.nan_to_num(errors) * noise])

    def places(curves: np.ndarray) -> np.ndarray:
        direction = "rising" if rising else "falling"
        found = crossing(sizes, curves, level, direction=direction, pick="last", log_x=True)
        if np.isnan(found[0]):
            return found
        passed = (curves[:, -1] > level) == rising
        return np.where(np.isnan(found), np.where(passed, sizes[0], sizes[-1]), found)

    size, error = with_error(places, Resample(curves), log_x=True)
    return float(size), float(error)
