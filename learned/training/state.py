"""Everything that training changes: weights, their running average, the optimiser's moments, the step."""

from __future__ import annotations

import math

import torch

from ..._support.shapes import per_row
from ...errors import CheckpointError

PARTS = ("weights", "average", "exp_avg", "exp_avg_sq")


def ema_exponent(width: float) -> float:
    """gamma of the power-function average whose standard deviation is `width` times the time so far.

    Solves width^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)) [@Karras2024].

    >>> round(ema_exponent(0.1), 2)
    6.94
    """
    low, high = 0.0, 1e9
    for _ in range(200):
        gamma = (low + high) / 2
        wide = (gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3)) > width**2
        low, high = (gamma, high) if wide else (low, gamma)
    return high


class TrainingState:
    """AdamW on named parameters, with the power-function average of the weights next to them.

    `stacked` parameters hold one replica per row; the gradient of each is clipped on its own.
    """

    def __init__(
        self,
        parameters: dict[str, torch.nn.Parameter],
        betas: tuple[float, float],
        weight_decay: float,
        ema: float,
        stacked: bool = False,
    ) -> None:
        self.parameters: dict[str, torch.nn.Parameter] = parameters
        self.stacked: bool = stacked
        self.average: dict[str, torch.Tensor] = {name: tensor.detach().clone() for name, tensor in parameters.items()}
        self.gamma: float = ema_exponent(ema) if ema else math.inf
        self.optimiser: torch.optim.AdamW = torch.optim.AdamW(
            parameters.values(), lr=0.0, betas=betas, weight_decay=weight_decay, fused=True
        )
        self.step = 0

    def advance(self, learning_rate: float, clip: float) -> torch.Tensor:
        """One step along the present gradients; returns their norms (one per replica) before clipping."""
        norm = self._clip(clip)
        self.optimiser.param_groups[0]["lr"] = learning_rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        share = 1 - (1 - 1 / self.step) ** (self.gamma + 1)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                self.average[name].lerp_(parameter, share)
        return norm

    def _clip(self, clip: float) -> torch.Tensor:
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        if not self.stacked:
            norm = torch.nn.utils.get_total_norm(gradients)
            if clip:
                torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), clip, norm)
            return norm
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        if clip:
            factors = (clip / (norms + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(per_row(factors, gradient))
        return norms

    def tensors(self) -> dict[str, torch.Tensor]:
        """The whole state as named tensors."""
        moments = self.optimiser.state
        return {
            f"{part}/{name}": tensor
            for name, parameter in self.parameters.items()
            for part, tensor in zip(
                PARTS,
                (parameter, self.average[name], moments[parameter]["exp_avg"], moments[parameter]["exp_avg_sq"]),
                strict=True,
            )
        }

    @torch.no_grad()
    def restore(self, tensors: dict[str, torch.Tensor], step: int, path: object) -> None:
        """Take over a state that `tensors` gave."""
        shapes = {f"{part}/{name}": p.shape for name, p in self.parameters.items() for part in PARTS}
        if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
            raise CheckpointError("run_dir", f"{path} is of another network", "pass another run folder")
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"weights/{name}"])
            self.average[name].copy_(tensors[f"average/{name}"])
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(step), device=parameter.device),
                "exp_avg": tensors[f"exp_avg/{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq/{name}"].to(parameter.device),
            }
        self.step: int = step
