"""`idealscore sample RUN`: samples of a trained network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions

if TYPE_CHECKING:
    from .._support.types import Array
    from ..theory.denoiser import Denoiser


@dataclass(frozen=True)
class Command(DataOptions):
    """Sample from a run folder, a checkpoint or a saved diffusers pipeline. Repeat the command to go on."""

    run_dir: tyro.conf.Positional[str] = field(kw_only=True)
    """run folder, .safetensors file, diffusers pipeline or its unet folder, hf:OWNER/NAME, or module:function"""
    data: str = ""
    """images like those of its training: the network is tried on them first, and what is wrong with it is said; their
    shape is that of the samples where the network does not say it"""
    n: int = 64
    """number of samples"""
    steps: int = 18
    """noise levels of the sampler"""
    method: str = "heun"
    """heun, euler, ddim or ddpm"""
    sigma_min: float = 0.002
    """lowest noise level before 0; never below what the network knows"""
    sigma_max: float = 80.0
    """noise level of the start; never above what the network knows"""
    sigmas: tuple[str, ...] = ("karras",)
    """karras; network: the levels of its own steps that are nearest to those of karras; or the levels themselves,
    falling to 0, as `idealscore schedule` prints them"""
    seed: int = 0
    batch: int = 64
    """samples at a time"""
    label: str | None = None
    """class of a conditional network, by number or by name"""
    condition: str = ""
    """the same as --label"""
    guidance: float | None = None
    """weight w of D_u + (1 + w) (D_c - D_u); 0 is the conditional network"""
    guidance_interval: tuple[float, float] | None = None
    """noise levels to guide between (default: at all); see `idealscore transitions guidance`"""
    null: int | None = None
    """the class that means none, where the network does not say it"""
    variant: str = ""
    """of the weights of a diffusers network, such as fp16"""
    trust: bool = False
    """run the code of module:function, and only of that"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, ..."""
    out: str = ""
    """folder of the samples (default: next to the weights)"""

    def run(self) -> None:
        from .._support import checks as check
        from .._support.device import best_device
        from ..learned._classes import class_of
        from ..learned.guided import GuidedDenoiser
        from ..learned.sampling import sample_to_folder
        from ..simulate.diffusion import METHODS
        from ..theory.noise import karras_sigmas
        from ._network import network_of, one_class, tell_what_is_wrong

        check.choice("method", self.method, METHODS)
        karras_sigmas(self.steps, self.sigma_min, self.sigma_max)
        given = self._given()
        label = one_class(self.condition, self.label)
        interval = self._interval()
        data = load_data(self.data, self) if self.data else None
        network = network_of(
            self.run_dir,
            trust=self.trust,
            variant=self.variant,
            guidance=self.guidance,
            null=self.null,
            device=best_device(self.device),
        )
        number = None if label is None else class_of(network, label, data, argument="label")
        if data is not None:
            tell_what_is_wrong(network, data, number, self.seed)
        if interval is not None:
            network = GuidedDenoiser(network.denoiser, network.condition, network.guidance, network.null, interval)
        sigmas = self._karras(network) if given is None else _known(network, given)
        source = Path(self.run_dir)
        kind = {"guidance": self.guidance, "variant": self.variant} if self.guidance or self.variant else {}
        kind |= {} if interval is None else {"guidance_interval": list(interval)}
        beside = source if source.is_dir() else source.parent if source.is_file() else Path()
        out = Path(self.out or beside / "samples")
        path = sample_to_folder(
            network,
            out,
            self.n,
            shape=None if data is None else data.shape,
            sigmas=sigmas,
            method=self.method,
            condition=number,
            seed=self.seed,
            batch=self.batch,
            description={"network": self.run_dir, "weights": _stamp(source), **kind},
        )
        print(f"written: {path}")

    def _interval(self) -> tuple[float, float] | None:
        """The noise levels to guide at, refused where there is no guidance or no step of the sampler is among them."""
        from ..errors import ArgumentError
        from ..theory.guidance._guided_shift import check_interval

        if self.guidance_interval is None:
            return None
        if not self.guidance:
            raise ArgumentError("guidance_interval", "is given without a guidance", "add --guidance, such as 1.5")
        low, high = check_interval(self.guidance_interval, self.sigma_max, "guidance_interval")
        if high < self.sigma_min:
            problem = f"ends at {high:g}, below the lowest noise level {self.sigma_min:g}"
            raise ArgumentError("guidance_interval", problem, "guide where the sampler is, or lower --sigma-min")
        return low, high

    def _given(self) -> Array | None:
        """The levels where they are given as numbers."""
        from ..errors import ArgumentError
        from ..theory.levels import falling_levels

        if self.sigmas in (("karras",), ("network",)):
            return None
        try:
            return falling_levels([float(word.strip("[],")) for word in self.sigmas])
        except ValueError as error:
            if isinstance(error, ArgumentError):
                raise
            problem = f"are '{' '.join(self.sigmas)}'"
            raise ArgumentError("sigmas", problem, "pass karras, network, or falling numbers") from None

    def _karras(self, network: Denoiser) -> list[float]:
        """The Karras levels that the network knows, or those of its steps next to them, then 0."""
        from ..theory.levels import known_levels, within_known_range
        from ..theory.noise import karras_sigmas

        low, high = within_known_range(network, self.sigma_min, self.sigma_max)
        if (low, high) != (self.sigma_min, self.sigma_max):
            print(f"noise levels from {low:.4g} to {high:.4g}, the part of those asked for that the network knows")
        levels = karras_sigmas(self.steps, low, high)
        return [*(known_levels(network, levels) if self.sigmas == ("network",) else levels), 0.0]


def _known(network: Denoiser, levels: Array) -> Array:
    """Levels that the network knows; no other is left out without a word."""
    from ..errors import NoiseLevelError
    from ..theory.levels import known_range

    low, high = known_range(network)
    beyond = levels[(levels > 0) & ((levels < low) | (levels > high))]
    if beyond.size:
        problem = f"hold {beyond[0]:.6g}, the network knows {low:.4g} ... {high:.4g}"
        raise NoiseLevelError("sigmas", problem, "pass levels within, and 0 as the last")
    return levels


def _stamp(source: Path) -> str:
    """A hash of the weights, so that samples of other weights are not mixed with these."""
    from hashlib import blake2b

    file = source / "weights.safetensors" if source.is_dir() else source
    return blake2b(file.read_bytes(), digest_size=12).hexdigest() if file.is_file() else ""
