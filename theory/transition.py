"""A predicted or measured transition: where something appears, in its own unit and, if it can, as a noise level."""

from __future__ import annotations

from dataclasses import dataclass

from .noise import DiscreteSchedule, NoiseLevel


@dataclass(frozen=True)
class Transition:
    """A transition with its error, its equation and the paper behind it.

    `value` and `stderr` are in `unit` (sigma, SNR, mask fraction, epsilon, steps); `noise` is the same point as a
    `NoiseLevel`, or None where the clock is not a noise level. `stderr` is 0.0 for a closed form. `value` is None,
    with the reason in `note`, where there is no transition.

    >>> t = Transition("speciation", NoiseLevel(1.0), 1.0, 0.0, "sigma", r"\\Lambda e^{-2t} = 1", "Biroli2024")
    >>> print(t)
    speciation: 1 sigma (exact) | alpha_bar 0.5 | OU time 0.3466 | flow time 0.5 | DDPM step 259.1
    """

    name: str
    noise: NoiseLevel | None
    value: float | None
    stderr: float
    unit: str
    equation: str
    reference: str
    note: str = ""

    def clocks(self, schedule: DiscreteSchedule | None = None) -> dict[str, float]:
        """The transition on every clock, empty where its clock is not a noise level."""
        if self.noise is None:
            return {}
        schedule = schedule or DiscreteSchedule.linear(1000, 1e-4, 0.02)
        return {
            "sigma": float(self.noise.sigma),
            "SNR": float(self.noise.snr),
            "alpha_bar": float(self.noise.alpha_bar),
            "OU time": float(self.noise.ou_time),
            "flow time": float(self.noise.flow_time),
            "DDPM step": float(self.noise.step(schedule)),
        }

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: no transition ({self.note})"
        error = f"± {self.stderr:.2g}" if self.stderr > 0 else "(exact)"
        shown = [
            f"{name} {value:.4g}"
            for name, value in self.clocks().items()
            if name in ("sigma", "alpha_bar", "OU time", "flow time", "DDPM step") and name != self.unit
        ]
        return " | ".join([f"{self.name}: {self.value:.4g} {self.unit} {error}", *shown])
