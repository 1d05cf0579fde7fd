"""Everything that training changes: weights, their running average, the optimiser's moments, the step."""

from __future__ import annotations

import math

import torch

from ..errors import CheckpointError
from ._network import NetworkDenoiser


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
    """AdamW on `network`, with the power-function average of its weights beside it."""

    def __init__(self, network: NetworkDenoiser, betas: tuple[float, float], weight_decay: float, ema: float) -> None:
        self.network = network
        self.named = dict(network.named_parameters())
        self.average = {name: tensor.detach().clone() for name, tensor in self.named.items()}
        self.gamma = ema_exponent(ema) if ema else math.inf
        self.optimiser = torch.optim.AdamW(
            self.named.values(), lr=0.0, betas=betas, weight_decay=weight_decay, eps=1e-8
        )
        self.step = 0

    def advance(self, learning_rate: float, clip: float) -> torch.Tensor:
        """One step along the gradients at hand; returns their norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_(self.named.values(), clip or math.inf)
        self.optimiser.param_groups[0]["lr"] = learning_rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        share = 1 - (1 - 1 / self.step) ** (self.gamma + 1)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in self.named.values()], share)
        return norm

    def tensors(self) -> dict[str, torch.Tensor]:
        """The whole state as named tensors."""
        out = {f"weights/{name}": tensor for name, tensor in self.named.items()}
        out |= {f"average/{name}": tensor for name, tensor in self.average.items()}
        for name, tensor in self.named.items():
            moments = self.optimiser.state.get(tensor, {})
            out |= {f"{key}/{name}": moments[key] for key in ("exp_avg", "exp_avg_sq") if key in moments}
        return out

    @torch.no_grad()
    def restore(self, tensors: dict[str, torch.Tensor], step: int, path: object) -> None:
        """Take over a state that `tensors` gave."""
        parts = ("weights", "average", "exp_avg", "exp_avg_sq")
        if set(tensors) != {f"{part}/{name}" for part in parts for name in self.named}:
            raise CheckpointError("run_dir", f"{path} is of another network", "pass another run folder")
        for name, parameter in self.named.items():
            parameter.copy_(tensors[f"weights/{name}"])
            self.average[name].copy_(tensors[f"average/{name}"])
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"exp_avg/{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq/{name}"].to(parameter.device),
            }
        self.step = step
