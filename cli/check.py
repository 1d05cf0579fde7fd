"""`idealscore check RUN`: how far a trained network is from every identity of an optimal denoiser."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tyro

from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Command(DataOptions):
    """Print the relative violation of each identity per noise level: 0 holds exactly, 1 is as large as its terms.

    With --identify: find what a network predicts, its clock, schedule and range of data instead.
    """

    run_dir: tyro.conf.Positional[str] = field(kw_only=True)
    """run folder, .safetensors file, diffusers pipeline or its unet folder, hf:OWNER/NAME, or module:function"""
    data: str = ""
    """data of the averages (default: those of the run, where it names them)"""
    sigmas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    """noise levels"""
    label: str | None = None
    """class of a conditional network, by number or by name"""
    condition: str = ""
    """the same as --label"""
    variant: str = ""
    """of the weights of a diffusers network, such as fp16"""
    trust: bool = False
    """run the code of module:function, and only of that"""
    member: int = 0
    """member of an ensemble"""
    points: int = 4
    """noisy points at which the local identities are measured"""
    samples: int | None = None
    """draws of the averages (default: by the size of an image and of the network)"""
    identify: bool = False
    """find the conventions of a raw network f(z, time), named as module:function, by its denoising errors on --data"""
    identities: tuple[str, ...] = ()
    """names of the identities (default: all)"""
    seed: int = 0
    device: str = "cpu"
    out: str = ""
    """netCDF file of the numbers; the same command goes on where a stopped one was"""
    budget: str = ""
    """the time that it may take, as 90s, 3min or 1h30min: fewer levels keep it, with a word (default: no limit)"""
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from ..compare.measures._network_identities import known_levels_of, network_identities
        from ..learned._classes import other_range
        from ._network import network_of, one_class
        from ._plans.budget import allowed, tell
        from ._plans.check import planned_levels

        if self.identify:
            print(self._identified())
            return
        started = time.monotonic()
        allowed(self.budget)
        network = network_of(self.run_dir, trust=self.trust, variant=self.variant, device=self.device)
        data = self._data(network)
        if data is not None and (warning := other_range(network, data)):
            print(f"warning: {warning}", file=sys.stderr)
        options: dict[str, Any] = {
            "condition": one_class(self.condition, self.label),
            "member": self.member,
            "identities": self.identities or None,
            "seed": self.seed,
        }
        levels = known_levels_of(network, self.sigmas, self.member).tolist()
        levels = planned_levels(network, data, levels, self.points, self.samples, options, self.budget, started)
        done: list[xr.Dataset] = []
        try:
            result = network_identities(
                network,
                data,
                levels,
                n_points=self.points,
                n_samples=self.samples,
                done=done.append,
                partial=f"{self.out}.partial" if self.out else None,
                **options,
            )
        except KeyboardInterrupt:
            if done:
                self._tell(done[-1])
            left = " ".join(f"{sigma:g}" for sigma in levels[len(done) :])
            where = f", kept in {self.out}" if self.out and done else ""
            tell(f"stopped; {len(done)} of {len(levels)} noise levels are done{where}; the others: --sigmas {left}")
            raise
        self._tell(result)
        if self.out:
            shutil.rmtree(f"{self.out}.partial", ignore_errors=True)

    def _tell(self, result: xr.Dataset) -> None:
        """Write the file and print the table."""
        from ..compare.measures._network_identities import identities_table, rows

        self._write(result)
        if self.json:
            import json

            print(json.dumps(rows(result), indent=2))
        else:
            print(identities_table(result))

    def _identified(self) -> str:
        """The table of the conventions that were tried."""
        from ..errors import ArgumentError
        from ..learned import wrap
        from ..learned._classes import class_of
        from ._network import is_reference, one_class, trusted

        if not is_reference(self.run_dir):
            problem = f"'{self.run_dir}' is no module:function"
            raise ArgumentError("identify", problem, "name one that gives the raw network; what is loaded says its own")
        if not self.data:
            raise ArgumentError("data", "are missing", "pass --data, images like those of its training")
        network = trusted(self.run_dir, self.trust)
        images, wanted = load_data(self.data, self, self.json), one_class(self.condition, self.label)
        condition = None if wanted is None else class_of(network, wanted, images, "label")
        return wrap.identify(network, images.images, condition=condition, seed=self.seed).table

    def _data(self, network: Any) -> Any:
        """The data that were asked for, else those of the run where they come with the package, else None."""
        from ..learned import data
        from ..learned._classes import trained_data

        known = str(trained_data(network).get("name", "")).split("[")[0]
        name = self.data or (known if known in data.DATASETS else "")
        return load_data(name, self, self.json) if name else None

    def _write(self, result: xr.Dataset) -> None:
        if self.out:
            from .._support.results import save

            save(result, self.out)
