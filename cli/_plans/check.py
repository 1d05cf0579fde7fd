"""What a check will cost: identities at points and averages over draws, each probed at one noise level."""

from __future__ import annotations

import time
from typing import Any

from ..._support.cost import Part, Plan, peak, probe
from ...compare.measures._network_identities import draws_of, network_identities
from ...theory.identities import IDENTITIES
from ...theory.identities.averages import AVERAGE
from .budget import afford, allowed, show_plan


def planned_levels(
    network: Any, data: Any, levels: list[float], points: int, samples: int | None, options: dict[str, Any],
    budget: str, started: float,
) -> list[float]:  # fmt: skip
    """The noise levels that there is time for, evenly chosen, after the plan was told."""
    names, of_draws = list(options["identities"] or IDENTITIES), {one.name for one in AVERAGE}
    averages = [] if data is None else [name for name in names if name in of_draws]
    local = [name for name in names if name not in of_draws]
    shape = getattr(network, "shape", None) or (() if data is None else data.shape)
    draws = draws_of(network, samples, shape, options["member"])
    middle = [levels[len(levels) // 2]]

    def work(chosen: list[str], n_points: int, n_samples: int) -> None:
        told = {**options, "identities": chosen}
        network_identities(network, data, middle, n_points=n_points, n_samples=n_samples, show=False, **told)

    paces = []
    if local:
        paces.append(("at points", points, probe(lambda n: work(local, n + 1, 2), max(1, points - 1))))
    if averages:
        paces.append(("averages", draws, probe(lambda n: work(averages, 2, n + 1), max(1, draws - 1), rests=True)))
    each = sum(pace(n - 1) for _, n, pace in paces)
    spent = time.monotonic() - started
    count = afford(len(levels), 1, allowed(budget, spent), each, 0.0, "noise levels")
    plan = Plan(
        f"{len(local) + len(averages)} identities at {count} noise levels",
        tuple(Part(name, count * n, count * pace(n - 1)) for name, n, pace in paces),
        max((peak([pace], n) for _, n, pace in paces), default=0),
    )
    show_plan(plan, spent)
    chosen = {round(i * (len(levels) - 1) / max(1, count - 1)) for i in range(count)}
    return [levels[i] for i in sorted(chosen)]
