"""The sizes of the studies on bumps: "small" for a CPU, "full" for a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..._support import checks as check
from ..._support.typed import typed
from ...learned.training.bumps import BumpRecipe
from ...learned.training.config import TrainConfig
from ...simulate.bumps import BumpCanvas, HeldOut


@typed
@dataclass(frozen=True)
class BumpPlan:
    """One scale: canvas and networks of each study [@Liang2024].

    Parameters
    ----------
    canvas : BumpCanvas
        Of the held-out band and of the percolation.
    recipe : BumpRecipe
        How every network is built, trained and sampled.
    held_out : HeldOut
        The held-out band.
    torus : BumpCanvas
        The periodic canvas whose representation is read.
    layers : tuple of str
        Where it is read.
    sizes : tuple of int
        Of the canvases of the data efficiency, in pixels.
    counts : pair of tuples of float
        Bumps there in units of the size, without and with stripes.
    widths : tuple of float
        Of the bumps of the percolation, in pixels.
    shares : tuple of float
        Of the bumps kept there.
    few : float
        The share of the remaining bumps that "a few" means.
    overlap : float
        Above which two bumps of the percolation are neighbours.
    seeds : int
        Networks per setting.

    Raises
    ------
    ArgumentError
        Where a size or the number of seeds is not a whole number in its range.

    Examples
    --------
    >>> plan("small").held_out.low, plan("small").seeds
    (3, 3)
    """

    canvas: BumpCanvas
    recipe: BumpRecipe
    held_out: HeldOut
    torus: BumpCanvas
    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    counts: tuple[tuple[float, ...], tuple[float, ...]]
    widths: tuple[float, ...]
    shares: tuple[float, ...]
    few: float = 0.4
    overlap: float = 0.005
    seeds: int = 3

    def __post_init__(self) -> None:
        for name in ("layers", "sizes", "counts", "widths", "shares"):
            object.__setattr__(self, name, check.plain(getattr(self, name)))
        for size in self.sizes:
            check.integer("sizes", size, 2)
        check.integer("seeds", self.seeds, 1)

    def with_recipe(self, **changes: object) -> BumpPlan:
        """The same plan with other options of the recipe.

        Parameters
        ----------
        **changes
            Fields of `BumpRecipe` by name.

        Returns
        -------
        BumpPlan
            With them in place.
        """
        return replace(self, recipe=replace(self.recipe, **changes))


PLANS = {
    "small": BumpPlan(
        canvas=BumpCanvas(8),
        recipe=BumpRecipe(
            "unet",
            {"width": 12, "multipliers": (1, 2), "blocks": 1},
            train=TrainConfig(steps=250, batch=32, learning_rate=1e-2, warmup=20, checkpoint_every=125),
            levels=6,
        ),
        held_out=HeldOut(3, 4),
        torus=BumpCanvas(12, periodic=True),
        layers=("down.1", "middle.0", "middle.1", "up.0", "up.2"),
        sizes=(6, 8, 10),
        counts=((1.0, 2.0, 3.0, 4.0), (0.25, 0.5, 1.0, 2.0)),
        widths=(0.35, 0.5, 1.0),
        shares=(0.06, 0.12, 0.2, 0.3, 0.45, 0.7),
    ),
    "full": BumpPlan(
        canvas=BumpCanvas(32),
        recipe=BumpRecipe(
            "unet",
            {"width": 64, "multipliers": (1, 2, 2), "blocks": 2},
            attend=True,
            head="eps",
            train=TrainConfig(steps=10_000, batch=128, learning_rate=1e-3, checkpoint_every=1000),
            sigma_min=0.05,
            levels=18,
        ),
        held_out=HeldOut(13, 19),
        torus=BumpCanvas(32, periodic=True),
        layers=("down.5", "middle.0", "middle.1", "up.0", "up.3", "up.6"),
        sizes=(8, 12, 16, 24, 32),
        counts=((0.5, 1.0, 2.0, 4.0, 8.0, 16.0), (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)),
        widths=(0.25, 0.35, 0.5, 0.75, 1.0),
        shares=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
    ),
}


@typed
def plan(scale: str) -> BumpPlan:
    """The plan of a scale.

    Parameters
    ----------
    scale : str
        "small" for a CPU, "full" for a GPU.

    Returns
    -------
    BumpPlan
        What the studies train and measure.

    Raises
    ------
    UnknownNameError
        For another scale.

    Examples
    --------
    >>> plan("small").canvas.size
    8
    """
    return PLANS[check.choice("scale", scale, PLANS)]
