"""`idealscore schedule DATA`: the noise levels to sample at, and what each schedule in use costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from ...learned.data._tell import load_data
from ...learned.data.options import DataOptions

if TYPE_CHECKING:
    import xarray as xr

    from ...learned.data.images import ImageData


@dataclass(frozen=True)
class Command(DataOptions):
    """Noise levels that are best for Gaussian data with the covariance of these, ready to paste into diffusers and
    k-diffusion, and the exact error of each schedule in use; with --model also measured on that network."""

    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    steps: int = 10
    """steps of the solver; heun asks the network twice in each but the last"""
    solver: str = "heun"
    """heun, euler, ddim or ddpm (ancestral)"""
    sigma_max: float = 80.0
    """the first noise level; never above what the network knows"""
    sigma_min: float = 0.0
    """no level above 0 lies below it; never below what the network knows"""
    model: str = ""
    """network on which the schedules are tried: run folder, .safetensors file, diffusers pipeline or its unet folder,
    hf:OWNER/NAME, or module:function"""
    n: int = 64
    """samples of the trial"""
    fine_steps: int = 200
    """steps of the run that those of the trial are held against"""
    condition: str = ""
    """class, for a network with classes"""
    guidance: float | None = None
    """weight w of D_u + (1 + w) (D_c - D_u); 0 is the conditional network"""
    null: int | None = None
    """the class that means none, where the network does not say it"""
    variant: str = ""
    """of the weights of a diffusers network, such as fp16"""
    trust: bool = False
    """run the code of module:function, and only of that"""
    seed: int = 0
    """of the starting noise"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, ..."""
    out: str = ""
    """netCDF file of the numbers"""
    json: bool = False
    """print the tables as JSON"""

    def run(self) -> None:
        from ..._support import checks as check
        from ..._support import results as _results
        from ...compare.schedules import schedule_errors
        from ...compare.schedules._schedule_gain import SOLVERS as DETERMINISTIC
        from ...theory.schedules import SOLVERS
        from ...theory.schedules._inputs import checked_range
        from .._network import tell_what_is_wrong
        from ._text import error_rows, error_table, gain_table, pasted

        check.choice("solver", self.solver, DETERMINISTIC if self.model else SOLVERS)
        checked_range(self.sigma_max, self.sigma_min)
        steps = check.integer("steps", self.steps, 1)
        check.integer("n", self.n, 2)
        data = load_data(self.data, self, self.json)
        network, low, high = self._network()
        found = schedule_errors(data.images, steps, self.solver, sigma_max=high, sigma_min=low)
        if network is not None:
            tell_what_is_wrong(network, data, seed=self.seed)
        gain = None if network is None else self._gain(network, data, high)
        if self.out:
            whole = found if gain is None else found.merge(gain.drop_vars("sigmas"), combine_attrs="override")
            _results.save(whole, self.out)
        if self.json:
            tried = None if gain is None else gain.drop_vars("sigmas").to_dict()["data_vars"]
            print(json.dumps({"data": data.name, "schedules": error_rows(found), "network": tried}, indent=2))
            return
        evaluations = 2 * steps - 1 if self.solver == "heun" else steps
        print(f"{steps} {self.solver} steps ({evaluations} evaluations) from sigma {high:.4g} to 0")
        print("error: Wasserstein distance of samples from the data, were these Gaussian\n")
        print(f"{error_table(found)}\n\n{pasted(found)}")
        if gain is not None:
            print(f"\nthe network: distance to {self.fine_steps} Heun steps from the same noise\n\n{gain_table(gain)}")
        if self.out:
            print(f"written: {self.out}")

    def _network(self) -> tuple[object, float, float]:
        """(the network or None, the lowest and the highest level that it knows of those asked for)."""
        from ..._support.device import best_device
        from ...theory.levels import within_known_range
        from .._network import network_of, one_class

        if not self.model:
            return None, self.sigma_min, self.sigma_max
        one_class(self.condition, None)
        network = network_of(
            self.model,
            trust=self.trust,
            variant=self.variant,
            condition=self.condition,
            guidance=self.guidance,
            null=self.null,
            device=best_device(self.device),
        )
        return network, *within_known_range(network, self.sigma_min, self.sigma_max)

    def _gain(self, network: object, data: ImageData, sigma_max: float) -> xr.Dataset:
        from ..._support.device import best_device
        from ...compare.schedules import schedule_gain

        return schedule_gain(
            network,  # pyright: ignore[reportArgumentType]
            data.images,
            (self.steps,),
            solver=self.solver,
            n=self.n,
            fine_steps=self.fine_steps,
            sigma_max=sigma_max,
            seed=self.seed,
            device=best_device(self.device),
        )
