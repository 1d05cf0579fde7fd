"""What a regime map will cost, from probes of its parts, and the smaller map that keeps a budget.

Its parts are the training of the networks of one width, the optima of one training-set size, and the cells: the
networks of one size, width, repeat and step. A probe works on untrained networks and on few images, pairs and samples;
the time of a part is linear in their number, and that of the optima in the size of the training set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..._support.cost import APART, Pace, Part, Plan, duration, peak, probe
from ...errors import ArgumentError
from ...learned.data.images import ImageData
from ...learned.networks import NetworkDenoiser
from ...learned.training import estimate
from .cell import ROLES, measure
from .ground import Ground
from .plan import RegimePlan

FEWEST = 16  # images, pairs and samples below which sizes and widths are rather left out
COUNTS = ("n_images", "n_pairs", "n_samples")


@dataclass(frozen=True)
class RegimeCost:
    """Seconds of a step of training by width and training-set size, and paces of optima (by size) and cells (by width).

    Parameters
    ----------
    step : dict of int to float
        Seconds of a step of the three networks of one training-set size, by width.
    optima : dict of int to Pace
        Of the optima of a training-set size, in images of `n_images`, for the smallest and the largest size.
    cell : dict of int to Pace
        Of the three networks of a cell, by width.

    Examples
    --------
    >>> pace = Pace(0.0, 1.0, 0.0)
    >>> plan = RegimePlan(sizes=(8, 16), widths=(4,), steps=100, snapshots=1, repeats=1)
    >>> RegimeCost({4: 0.01}, {8: pace, 16: pace}, {4: pace}).plan(plan).seconds  # 2 s of training, 2 optima, 2 cells
    6.0
    """

    step: dict[int, float]
    optima: dict[int, Pace]
    cell: dict[int, Pace]

    def plan(self, plan: RegimePlan) -> Plan:
        """The work of a map.

        Parameters
        ----------
        plan : RegimePlan
            The map, of the sizes and widths of the probe or of some of them.

        Returns
        -------
        Plan
            Its parts with their time.
        """
        sizes, repeats, steps = len(plan.sizes), plan.repeats, len(plan.measured_steps)
        small, large = min(self.optima), max(self.optima)
        ends = [self.optima[size](plan.n_images) for size in (small, large)]
        grounds = float(np.interp(plan.sizes, [small, large], ends).sum()) * repeats
        training = sum(self.step[width] for width in plan.widths) * sizes * repeats * plan.steps
        cells = sum(self.cell[width](plan.n_images) for width in plan.widths) * sizes * repeats * steps
        count = sizes * repeats * len(plan.widths)
        parts = (
            Part("training", count * len(ROLES) * plan.steps, training),
            Part("optima", sizes * repeats, grounds),
            Part("cells", count * steps, cells),
        )
        what = f"{sizes} sizes, {len(plan.widths)} widths, {repeats} repeat(s), {steps} steps measured"
        return Plan(what, parts, peak([*self.optima.values(), *self.cell.values()], plan.n_images))

    def within(self, plan: RegimePlan, seconds: float) -> tuple[RegimePlan, list[str]]:
        """The map that `seconds` are enough for, and what was left out, in words.

        Repeats are left out first, then images, pairs and samples down to 16, then the largest width or size.

        Parameters
        ----------
        plan : RegimePlan
            The map that was asked for.
        seconds : float
            The time that is left.

        Returns
        -------
        plan : RegimePlan
            The map that fits.
        words : list of str
            What it lacks.

        Raises
        ------
        ArgumentError
            If one size and width take longer.
        """
        fitting = plan
        for fitting in smaller(plan):
            if self.plan(fitting).seconds <= seconds:
                return fitting, differences(plan, fitting)
        need = duration(self.plan(fitting).seconds)
        problem = f"leaves {duration(max(0.0, seconds))}, less than the smallest map takes ({need})"
        raise ArgumentError("budget", problem, "allow more time, or ask for fewer steps")


def smaller(plan: RegimePlan) -> Iterator[RegimePlan]:
    """The plan, and smaller and smaller ones."""
    yield plan
    for repeats in range(plan.repeats - 1, 0, -1):
        plan = replace(plan, repeats=repeats)
        yield plan
    while any(getattr(plan, name) > FEWEST for name in COUNTS):
        fewer = {name: max(min(FEWEST, getattr(plan, name)), getattr(plan, name) // 2) for name in COUNTS}
        plan = replace(plan, **fewer)
        yield plan
    while len(plan.widths) > 1 or len(plan.sizes) > 1:
        larger = "widths" if len(plan.widths) > 1 and len(plan.widths) >= len(plan.sizes) else "sizes"
        larger = larger if len(getattr(plan, larger)) > 1 else "widths"
        plan = replace(plan, **{larger: getattr(plan, larger)[:-1]})
        yield plan


def differences(asked: RegimePlan, settled: RegimePlan) -> list[str]:
    """What a budget has changed, in words.

    >>> differences(RegimePlan(), RegimePlan(repeats=1))
    ['repeats 1 instead of 2']
    """
    pairs = {name: (value, asked.describe()[name]) for name, value in settled.describe().items()}
    return [f"{name} {new} instead of {old}" for name, (new, old) in pairs.items() if new != old]


def measured_cost(data: ImageData, plan: RegimePlan) -> RegimeCost:
    """Probe the parts of a map, each for about a second.

    Parameters
    ----------
    data : ImageData
        The images of the map.
    plan : RegimePlan
        The map.

    Returns
    -------
    RegimeCost
        The paces.
    """
    pool, held_out = plan.pool(data)
    step = {}
    networks: dict[int, list[NetworkDenoiser]] = {}
    for width in plan.widths:
        stack = [plan.build(width, pool, seed) for seed in range(len(ROLES) * len(plan.sizes))]
        sets = [plan.sets(pool, size, 0)[0] for size in plan.sizes for _ in ROLES]
        networks[width] = stack[: len(ROLES)]
        step[width] = estimate(stack, sets, plan.recipe(0)).seconds / plan.steps / len(plan.sizes)
    cell, optima = {}, {}
    grounds: dict[int, Ground] = {}

    def few(n: int) -> RegimePlan:
        share = n / plan.n_images
        return replace(plan, **{name: max(2, round(share * getattr(plan, name))) for name in COUNTS})

    def of_optima(size: int) -> Callable[[int], object]:
        def work(n: int) -> None:
            grounds[n] = Ground(few(n), pool, held_out, size, 0)
            grounds[n].nulls(None)
            measure(networks[plan.widths[0]], grounds[n], None)

        return work

    ends = dict.fromkeys((plan.sizes[0], plan.sizes[-1]))
    most = max(min(APART, plan.n_images), plan.n_images // 2)  # half of the images tells what one of them takes
    with_cell = {size: probe(of_optima(size), most, rests=True) for size in ends}
    for width in plan.widths:
        known = sorted(grounds)
        cell[width] = probe(lambda n, w=width: measure(networks[w], grounds[n], None), known[-1], rests=True)
    first = cell[plan.widths[0]]
    for size, pace in with_cell.items():
        fixed, each = max(0.0, pace.fixed - first.fixed), max(0.0, pace.each - first.each)
        optima[size] = replace(pace, fixed=fixed, each=each)
    return RegimeCost(step, optima, cell)
