"""A transition, predicted or measured, and the law that predicts it: where something appears, in its own unit."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .._support.display import boxes
from .noise import DiscreteSchedule, NoiseLevel


@dataclass(frozen=True, repr=False)
class Transition:
    r"""A transition with its error, its equation and the paper behind it.

    Parameters
    ----------
    name : str
        What appears there.
    noise : NoiseLevel or None
        The same point as `value` as a noise level; None where the clock is not a noise level.
    value : float or None
        Where it is, in `unit`; None, with the reason in `note`, where there is no transition.
    stderr : float
        The standard error of `value`, in `unit`; 0.0 for a closed form.
    unit : str
        "sigma", "SNR", mask fraction, epsilon, steps, ...
    equation : str
        The equation that `value` solves, in LaTeX.
    reference : str
        The key of the paper in references.bib.
    note : str
        What else there is to say; the reason where there is no transition.

    Examples
    --------
    >>> t = Transition("speciation", NoiseLevel(1.0), 1.0, 0.0, "sigma", r"\Lambda e^{-2t} = 1", "Biroli2024")
    >>> t
    Transition(speciation: 1 sigma (exact))
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
        """The transition on every clock.

        Parameters
        ----------
        schedule : DiscreteSchedule, optional
            The schedule whose steps are counted; by default the linear one of 1000 steps from 1e-4 to 0.02.

        Returns
        -------
        dict of str to float
            "sigma", "SNR", "alpha_bar", "OU time", "flow time" and "DDPM step"; empty where the clock of the
            transition is not a noise level.
        """
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

    def _summary(self) -> str:
        if self.value is None:
            return f"{self.name}: no transition ({self.note})"
        error = f"± {self.stderr:.2g}" if self.stderr > 0 else "(exact)"
        return f"{self.name}: {self.value:.4g} {self.unit} {error}"

    def __repr__(self) -> str:
        return f"Transition({self._summary()})"

    def _repr_html_(self) -> str:
        clocks = {name: f"{value:.4g}" for name, value in self.clocks().items()}
        words = {"equation": self.equation, "reference": self.reference, "note": self.note}
        return boxes.box(self._summary(), {**clocks, **{name: word for name, word in words.items() if word}})

    def __str__(self) -> str:
        shown = [
            f"{name} {value:.4g}"
            for name, value in self.clocks().items()
            if name in ("sigma", "alpha_bar", "OU time", "flow time", "DDPM step") and name != self.unit
        ]
        return " | ".join([self._summary(), *shown])


@dataclass(frozen=True)
class Law:
    r"""What is known of a transition before its place is: the equation that it solves, and the unit of its place.

    Parameters
    ----------
    name : str
        What appears at the transition.
    equation : str
        The equation of its place, in LaTeX.
    reference : str
        The key of the paper in references.bib.
    unit : str
        The unit of its place; "sigma" and "SNR" are noise levels, any other unit is a clock of its own.

    Examples
    --------
    >>> law = Law("speciation", equation=r"\Lambda e^{-2t} = 1", reference="Biroli2024", unit="sigma")
    >>> law.at(2.0, 0.1)
    Transition(speciation: 2 sigma ± 0.1)
    >>> law.absent("the largest eigenvalue does not exceed 1")
    Transition(speciation: no transition (the largest eigenvalue does not exceed 1))
    """

    name: str
    _: KW_ONLY
    equation: str
    reference: str
    unit: str

    def at(self, value: float, stderr: float = 0.0, note: str = "") -> Transition:
        """The transition at `value`.

        Parameters
        ----------
        value : float
            Its place, in `unit`.
        stderr : float
            The standard error of the place, in `unit`; 0 for a closed form.
        note : str
            What else there is to say.

        Returns
        -------
        Transition
            With its `noise` where the unit is that of a noise level, "sigma" or "SNR".
        """
        noise = {"sigma": NoiseLevel, "SNR": NoiseLevel.from_snr}.get(self.unit)
        level = None if noise is None else noise(value)
        return Transition(self.name, level, value, stderr, self.unit, self.equation, self.reference, note)

    def absent(self, reason: str) -> Transition:
        """No transition.

        Parameters
        ----------
        reason : str
            Why there is none; it becomes the `note`.

        Returns
        -------
        Transition
            With `value` and `noise` None.
        """
        return Transition(self.name, None, None, 0.0, self.unit, self.equation, self.reference, reason)
