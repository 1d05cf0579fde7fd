"""`idealscore sample RUN`: samples of a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Command:
    """Sample from a run folder, a checkpoint or a saved diffusers pipeline. Repeat the command to go on."""

    run_dir: tyro.conf.Positional[str]
    """run folder, .safetensors file, or diffusers pipeline"""
    n: int = 64
    """number of samples"""
    steps: int = 18
    """noise levels of the sampler"""
    method: str = "heun"
    """heun, euler, ddim or ddpm"""
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    seed: int = 0
    batch: int = 64
    """samples at a time"""
    label: int | None = None
    """class, for a conditional network"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, ..."""
    out: str = ""
    """folder of the samples (default: next to the weights)"""

    def run(self) -> None:
        from .._support import checks as check
        from .._support.device import best_device
        from ..learned import checkpoint
        from ..learned.sampling import sample_to_folder
        from ..simulate.diffusion import METHODS
        from ..theory.noise import karras_sigmas

        check.choice("method", self.method, METHODS)
        sigmas = [*karras_sigmas(self.steps, self.sigma_min, self.sigma_max), 0.0]
        network = checkpoint.load(self.run_dir, best_device(self.device))
        source = Path(self.run_dir)
        out = Path(self.out or (source if source.is_dir() else source.parent) / "samples")
        path = sample_to_folder(
            network,
            out,
            self.n,
            sigmas=sigmas,
            method=self.method,
            condition=self.label,
            seed=self.seed,
            batch=self.batch,
            description={"network": str(source), "weights": _stamp(source)},
        )
        print(f"written: {path}")


def _stamp(source: Path) -> str:
    """A hash of the weights, so that samples of other weights are not mixed with these."""
    from hashlib import blake2b

    file = source / "weights.safetensors" if source.is_dir() else source
    return blake2b(file.read_bytes(), digest_size=12).hexdigest() if file.is_file() else ""
