"""What percolation looks like: clusters below, at and above the threshold, and overlapping disks at theirs.

(a) At the threshold, (b) below and (d) above it, (c) overlapping disks at theirs. Each connected cluster has one
colour, the larger the brighter; empty sites are dark. At the threshold the largest cluster is a fractal of dimension
91/48 with holes of all sizes [@Stauffer1994]; the disks are those of [@Mertens2012].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, letters, style

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAN = {"small": (384, 128, 40), "full": (1536, 512, 90)}
OFFSETS = (-0.05, 0.05)
GROUND = (0.035, 0.04, 0.09)
RANKS = 200


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Ranks of the clusters by size, 1 for the largest (0: empty, RANKS: all smaller ones)."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ..._support.streams import stream
    from ...simulate.percolation import disk_clusters, label
    from ...theory.percolation import threshold

    large, small, box = PLAN[check.choice("scale", scale, PLAN)]
    critical = threshold("square", "site").value
    field = stream(seed, "cluster picture").random((large, large))
    at = _ranks(label(field, critical)[0])
    corner = field[:small, :small]
    beside = np.stack([_ranks(label(corner, critical + offset)[0]) for offset in OFFSETS])
    centres, labels = disk_clusters(box, threshold("disks", "continuum").value, seed)
    return xr.Dataset(
        {
            "critical": (("y", "x"), at),
            "beside": (("p", "row", "column"), beside),
            "centres": (("disk", "axis"), centres.astype(np.float32)),
            "disk_rank": (("disk",), np.minimum(labels, RANKS).astype(np.uint8)),
        },
        {"p": [critical + offset for offset in OFFSETS]},
        {**provenance(seed=seed), "box": box, "threshold": critical},
    )


def _ranks(labels: np.ndarray) -> np.ndarray:
    import numpy as np

    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    rank[0] = 0
    return np.minimum(rank, RANKS)[labels].astype(np.uint8)


def palette() -> np.ndarray:
    """RGB of each rank: dark ground, then from pale gold for the largest through rose to deep blue."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    stops = ("#fff3c4", "#ffc15e", "#f7766d", "#b5489a", "#5b3fa0", "#27377d", "#1a2555")
    ramp = LinearSegmentedColormap.from_list("clusters", stops)
    depth = np.log(np.arange(1, RANKS + 1)) / np.log(RANKS)
    return np.vstack([GROUND, ramp(depth)[:, :3]])


PICTURES = {
    "critical": r"sites, $p = p_c$",
    "below": rf"sites, $p = p_c {OFFSETS[0]:+g}$",
    "above": rf"sites, $p = p_c {OFFSETS[1]:+g}$",
    "disks": r"disks at their threshold",
}


@panel("critical", "beside", "disk_rank", "centres", "box", choice={"picture": tuple(PICTURES)})
def plot_clusters(ax: Axes, result: xr.Dataset, picture: str) -> None:
    """Clusters of sites or of overlapping disks, each in one colour, the larger the brighter."""
    from matplotlib.collections import EllipseCollection

    shade = palette()
    if picture == "disks":
        box, rank = float(result.attrs["box"]), result.disk_rank.values
        order = (-rank.astype(int)).argsort(kind="stable")
        ax.add_collection(
            EllipseCollection(
                1, 1, 0, units="xy", offsets=result.centres.values[order], offset_transform=ax.transData,
                facecolors=shade[rank[order]], edgecolors="none",
            )
        )  # fmt: skip
        ax.set(xlim=(0, box), ylim=(0, box), aspect="equal", facecolor=GROUND)
    else:
        ranks = result.critical if picture == "critical" else result.beside[("below", "above").index(picture)]
        ax.imshow(shade[ranks.values], interpolation="nearest")
    ax.set(xticks=[], yticks=[], xlabel=PICTURES[picture])
    for side in ax.spines.values():
        side.set_visible(False)


def draw(dataset: xr.Dataset) -> Figure:
    """A large critical picture, and three small ones next to it."""
    from matplotlib import pyplot as plt

    with style():
        figure = plt.figure(figsize=(PAGE, PAGE * 0.8))
        grid = figure.add_gridspec(3, 4)
        axes = [figure.add_subplot(grid[:, :3]), *(figure.add_subplot(grid[i, 3]) for i in range(3))]
        for ax, picture in zip(axes, ("critical", "below", "disks", "above"), strict=True):
            plot_clusters(dataset, ax=ax, picture=picture)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The share of the largest cluster in each panel."""
    import numpy as np

    side = dataset.sizes["x"]
    below, above = (float((dataset.beside[k].values == 1).mean()) for k in (0, 1))
    largest = float((dataset.critical.values == 1).mean())
    return Findings(
        "one cluster of dimension 91/48 at p_c = 0.592746; none spans below, one takes a finite share above",
        f"share of all sites in the largest cluster: {below:.3f} below, {largest:.3f} at p_c on {side} x {side} sites "
        f"(L^(-5/48) = {side ** (-5 / 48):.3f}), {above:.3f} above; {int(np.sum(dataset.disk_rank == 1))} of "
        f"{dataset.sizes['disk']} disks are in one cluster",
        "pictures of one realisation each: no error is given",
    )
