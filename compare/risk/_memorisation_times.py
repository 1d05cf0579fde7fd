"""When networks begin to copy, per image: is the time of memorisation proportional to the number of data?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.crossing import Resample, crossing, with_error
from ..._support.estimates import estimates
from ..._support.streams import stream
from ..._support.typed import typed
from ...errors import ArgumentError, EmptyDataError
from ...theory.transitions import OnsetLaw
from ._memory_curves import SIGNS, MemoryCurves

DRAWS = 400
SIGN_TEXT = {"copies": "share of copies", "gap": "gap"}


@typed
def memorisation_times(
    result: xr.Dataset, level: float = 0.1, seed: int = 0, sign: Literal["copies", "gap"] = "copies"
) -> xr.Dataset:
    r"""The training step at which memory shows, of each size, against tau_mem = c n.

    The law of [@Bonnaire2025] is fitted in the logarithm of both; with a free exponent, 1 is the prediction and 0 the
    null that the time knows nothing of the number of data.

    Parameters
    ----------
    result : xarray.Dataset
        As of `regime_map`, or any curves. For copies: `memorised` over `n_train`, `step` and, maybe, `width`, with
        `memorised_stderr`; `held_out_memorised`, if there, is the share that is taken for copies by mistake. For the
        gap: `denoising_error` over these and `inputs` ("held-out", "training") and `sigma`, with its error.
    level : float
        Of the share or of the gap at which memorisation has begun, in (0, 1).
    seed : int
        Of the redraws behind the errors.
    sign : {"copies", "gap"}
        What shows memory: the share of samples that are copies of training images, or the gap between denoising errors,
        1 - E(training images) / E(held-out images), averaged over the noise levels. The gap opens long before samples
        are copies, and also where a network is too narrow to draw a copy.

    Returns
    -------
    xarray.Dataset
        Over `(n_train, width)`: `time` in steps and `per_image` = time / n with `_stderr`, nan where the level is not
        passed. Over these and `step`: `curve`, the share of copies or the gap, with `_stderr`. Over `width`:
        `prefactor` c with `_stderr`, `exponent` with `_stderr` (nan for fewer than two sizes, its error for fewer than
        three), `spread` = largest / smallest `per_image`. Over `n_train`: `null`, the share of held-out images that
        count as copies, and 0 for the gap.

    Raises
    ------
    ArgumentError
        If `level` is not inside (0, 1), or not above the share of held-out images that count as copies.
    UnknownNameError
        If `sign` is neither of the two.
    ShapeError
        If `memorised` (or `denoising_error`) or its error is missing, or has other axes.
    EmptyDataError
        If no size passes the level at any width.

    Examples
    --------
    >>> steps = np.geomspace(10, 1e5, 20)
    >>> share = [1 / (1 + (50 * n / steps) ** 2) for n in (10, 20, 40)]
    >>> curves = xr.Dataset(
    ...     {"memorised": (("n_train", "step"), share), "memorised_stderr": ("step", np.full(20, 0.01))},
    ...     {"n_train": [10, 20, 40], "step": steps},
    ... )
    >>> memorisation_times(curves, level=0.5).prefactor.values.round().tolist()
    [50.0]
    """
    level = check.real("level", level, 0.0, 1.0)
    if level in (0.0, 1.0):
        raise ArgumentError("level", f"is {level:g}", "pass a share inside (0, 1)")
    curves = MemoryCurves.of(result, check.choice("sign", sign, SIGNS))
    sizes, steps, null = curves.n_train.astype(float), curves.step, curves.null
    if level <= null.max():
        problem = f"is {level:g}, and {null.max():.2g} of held-out images count as copies"
        raise ArgumentError("level", problem, "pass a level above that null")
    shape = curves.value.shape[:2]
    noise = stream(seed, "memorisation times").standard_normal((DRAWS, len(steps)))
    found = np.full((2, *shape), np.nan)
    for at in np.ndindex(shape):
        value, error = curves.value[at], curves.error[at]
        drawn = Resample(np.concatenate([value[None], value + np.nan_to_num(error) * noise]), missing=0.5)
        found[(slice(None), *at)] = with_error(
            lambda y: crossing(steps, y, level, direction="rising", log_x=True), drawn, log_x=True
        )
    if np.isnan(found[0]).all():
        problem = f"has no network whose {SIGN_TEXT[sign]} rises through the level {level:g}"
        raise EmptyDataError("result", problem, "train longer, or choose another level")
    fits = np.full((5, shape[1]), np.nan)
    for j in range(shape[1]):
        seen = np.isfinite(found[0, :, j])
        if seen.sum() > 1:
            law = OnsetLaw.fit(sizes[seen], found[0, seen, j])
            ratio = found[0, seen, j] / sizes[seen]
            error = np.nan if law.exponent_stderr is None else law.exponent_stderr
            fits[:, j] = law.prefactor, law.prefactor_stderr, law.exponent or np.nan, error, ratio.max() / ratio.min()
    made = xr.Dataset(
        estimates(("n_train", "width"), time=found, per_image=found / sizes[:, None]),
        coords={"n_train": curves.n_train, "width": curves.width},
    )
    made = made.assign(estimates("width", prefactor=fits[:2], exponent=fits[2:4]))
    shown = estimates(("n_train", "width", "step"), curve=np.stack([curves.value, curves.error]))
    made = made.assign_coords(step=curves.step).assign(shown)
    made["spread"], made["null"] = ("width", fits[4]), ("n_train", null)
    made.attrs = dict(result.attrs) | {"level": level, "sign": sign}
    return made
