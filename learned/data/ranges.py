"""The range of values: what it is, how it was found, and what the data are scaled to. Nothing is stretched silently."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Array, Points, Record
from ...errors import ArgumentError, DataWarning

SCALES = ("auto", "as-is", "-1..1", "0..1", "standardise")
HAIR = 0.01
"""How far values may leave [0, 1] or [-1, 1], by resizing say, and still be of that range."""


@typed
@dataclass(frozen=True)
class Range:
    """The values that data can take, and how that is known.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value that there can be, low < high.
    found : str
        How it was found.
    measured : bool
        Whether these are just the smallest and the largest value met: the unit of the data is then not known.

    Raises
    ------
    ArgumentError
        Unless low < high, both finite.

    Examples
    --------
    >>> Range(0, 255, "the type uint8")
    Range([0, 255], the type uint8)
    >>> Range.of(np.array([-1e-7, 0.3, 1.0])), Range.of(np.array([-3.2, 3.1]))
    (Range([0, 1], all values lie in it), Range([-3.2, 3.1], the smallest and the largest value))
    """

    low: float
    high: float
    found: str = "given"
    measured: bool = False

    def __post_init__(self) -> None:
        low, high = check.real("low", self.low), check.real("high", self.high)
        if not low < high:
            raise ArgumentError("low", f"is {low:g}, high is {high:g}", "pass values (low, high) with low < high")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __repr__(self) -> str:
        return f"Range({self}, {self.found})"

    def __str__(self) -> str:
        return f"[{self.low:.6g}, {self.high:.6g}]"

    @property
    def span(self) -> float:
        """high - low."""
        return self.high - self.low

    @classmethod
    def of(cls, array: Array, pixels: bool = True) -> Range:
        """The range of an array as it was stored: by its type, else by its values.

        Types of 8 bits and unsigned ones of 16 have a range of their own. Wider integers >= 0 are taken for pixels of
        8 or 16 bits. Floating-point numbers are of [0, 1] or [-1, 1] where none leaves it by more than a hair;
        anything else has a measured range, in which they are kept.

        Parameters
        ----------
        array : numpy.ndarray
            The values.
        pixels : bool
            Whether they are pixels; the floating-point entries of points and vectors have a measured range.

        Returns
        -------
        Range
            With how it was found.
        """
        if array.dtype == bool:
            return cls(0.0, 1.0, "the type bool")
        low, high = float(array.min()), float(array.max())
        if not np.isfinite([low, high]).all():
            return cls(-1.0, 1.0, "not known: there are values that are not finite", measured=True)
        dtype = array.dtype.newbyteorder("=")
        if dtype in (np.uint8, np.int8, np.uint16):
            info = np.iinfo(dtype)
            return cls(float(info.min), float(info.max), f"the type {dtype}")
        if array.dtype.kind in "iu" and pixels and low >= 0 and high <= 65535:
            bits = 8 if high <= 255 else 16
            return cls(0.0, 2.0**bits - 1, f"guessed: {dtype} that fits pixels of {bits} bits")
        if array.dtype.kind == "f" and pixels:
            for bottom in (0.0, -1.0):
                if low >= bottom - HAIR and high <= 1 + HAIR:
                    return cls(bottom, 1.0, "all values lie in it")
        if not low < high:
            low, high = low - 1, high + 1
        return cls(low, high, "the smallest and the largest value", measured=True)

    def under(self, normalisation: Normalisation) -> Range:
        """The range of the scaled values.

        Parameters
        ----------
        normalisation : Normalisation
            How they are scaled.

        Returns
        -------
        Range
            Found in the same way.
        """
        low, high = (normalisation.scale * value + normalisation.shift for value in (self.low, self.high))
        return replace(self, low=low, high=high)

    def describe(self) -> Record:
        """What a run records of it.

        Returns
        -------
        dict
            Low, high, how they were found, and whether they are only the smallest and the largest value.
        """
        return {"low": self.low, "high": self.high, "found": self.found, "measured": self.measured}


@typed
@dataclass(frozen=True)
class Normalisation:
    """x = scale * raw + shift takes raw values to those of the images.

    Parameters
    ----------
    scale : float
        Factor of the raw values.
    shift : float
        What is added afterwards.

    Raises
    ------
    ArgumentError
        Where `scale` is 0, or one of the two is not finite.

    Examples
    --------
    >>> Normalisation.onto(Range(0, 255), -1, 1).undo(1.0)
    255.0
    """

    scale: float
    shift: float

    def __post_init__(self) -> None:
        check.real("shift", self.shift)
        if check.real("scale", self.scale) == 0:
            raise ArgumentError("scale", "is 0", "pass what raw values are multiplied by")

    def undo(self, x: Points) -> Points:
        """The raw values of `x`.

        Parameters
        ----------
        x : tensor
            Scaled values.

        Returns
        -------
        tensor
            Of the same shape.
        """
        return (x - self.shift) / self.scale

    @classmethod
    def onto(cls, raw: Range, low: float, high: float) -> Normalisation:
        """The one that takes `raw` to [low, high].

        Parameters
        ----------
        raw : Range
            Of the raw values.
        low, high : float
            What its ends become.

        Returns
        -------
        Normalisation
            Scale and shift.
        """
        scale = (high - low) / raw.span
        if (low, high) == (-1.0, 1.0):
            return cls(scale, -(raw.high + raw.low) / raw.span)
        return cls(scale, low - scale * raw.low)


IDENTITY = Normalisation(1.0, 0.0)


def normalisation_for(array: Array, raw: Range, scale: str) -> tuple[Normalisation, str]:
    """How `array` is scaled under an option of `SCALES`, and that in words.

    "auto" takes a range that is known to [-1, 1] and leaves values whose range was only measured as they are.

    >>> normalisation_for(np.zeros(2), Range(-3.2, 3.1, measured=True), "auto")
    (Normalisation(scale=1.0, shift=0.0), 'none: values are kept as they are')
    """
    check.choice("scale", scale, SCALES)
    if scale == "standardise":
        mean, std = (float(value) for value in (array.mean(dtype=np.float64), array.std(dtype=np.float64)))
        if std <= 0:
            raise ArgumentError("scale", "cannot standardise data that are all equal", "pass --scale as-is")
        return Normalisation(1 / std, -mean / std), f"standardised: mean {mean:.4g} and deviation {std:.4g} become 0, 1"
    target = {"-1..1": (-1.0, 1.0), "0..1": (0.0, 1.0), "auto": (-1.0, 1.0)}.get(scale)
    kept = target is None or (scale == "auto" and raw.measured)
    if kept or target is None or (raw.low, raw.high) == target:
        return IDENTITY, "none: values are kept as they are"
    onto = Normalisation.onto(raw, *target)
    return onto, f"{raw} becomes [{target[0]:g}, {target[1]:g}]: x = {onto.scale:.6g} * value {onto.shift:+.6g}"


def same_range(**arrays: Any) -> None:
    """ArgumentError where two of the arrays are of different ranges, such as bytes against [-1, 1].

    >>> same_range(samples=np.full((2, 16), 255, np.uint8), training=np.linspace(-1, 1, 32).reshape(2, 16))
    Traceback (most recent call last):
    ...
    idealscore.errors.ArgumentError: samples: are of the range [0, 255], training of [-1, 1]; scale one as the other
    """
    units = {name: _unit(value) for name, value in arrays.items()}
    (first, unit), *others = units.items()
    for name, other in others:
        if not unit or not other or unit == other:
            continue
        problem = f"are of the range {unit}, {name} of {other}"
        if (unit, other) != ("[-1, 1]", "[0, 1]"):
            raise ArgumentError(first, problem, "scale one as the other")
        # of another range, or of a poor network that overshoots: not known
        warnings.warn(f"{first} {problem}; unless the network overshoots, scale one as the other", DataWarning, 3)


def _unit(value: Any) -> str:
    """The range of pixels that an array is of, empty where it may be any."""
    array = value.detach().cpu().double().numpy() if hasattr(value, "detach") else np.asarray(value)
    whole = array.dtype == np.uint8 or str(getattr(value, "dtype", "")) == "torch.uint8"
    if array.size == 0 or array.ndim < 2 or array.dtype.kind not in "iuf":
        return ""
    low, high = float(array.min()), float(array.max())
    if (whole and high > 1) or (low >= 0 and 16 < high <= 255 and _whole(array)):
        return "[0, 255]"
    if array[0].size < 16 or high > 1 + HAIR:
        return ""
    return "[0, 1]" if low >= -HAIR else "[-1, 1]" if -1 - HAIR <= low < -0.5 else ""


def doubts(array: Array, raw: Range, scaled_deviation: float, scale: str = "auto") -> list[str]:
    """What is odd about the values of `array` in their range, each with the option that changes it."""
    found: list[str] = []
    if len(array) < 2:
        return found
    low, high = float(array.min()), float(array.max())
    if raw.found.startswith("guessed"):
        found.append(f"the range {raw} is a guess from the values {low:.4g} ... {high:.4g}; --values LOW HIGH sets it")
    if not raw.measured and high - low < 0.5 * raw.span:
        used = f"{high - low:.4g} of {raw.span:.4g}"
        remedy = f"--values {low:g} {high:g} makes them all of it" if low < high else "all are equal"
        found.append(f"values {low:.4g} ... {high:.4g} use {used} of the range {raw}; {remedy}")
    if raw.found == "given" and (low < raw.low - HAIR * raw.span or high > raw.high + HAIR * raw.span):
        found.append(f"values {low:.4g} ... {high:.4g} leave the range {raw} that was given")
    wide = high > 100 or array.dtype.kind == "f"
    if raw.measured and wide and low >= 0 and 1 < high <= 255 and _whole(array):
        found.append(
            f"whole numbers {low:g} ... {high:g} look like pixels of 8 bits, but are kept as they are; "
            "--values 0 255 scales them"
        )
    if scaled_deviation < 0.1 or (scaled_deviation > 10 and scale == "auto"):
        where = f"far {'below' if scaled_deviation < 1 else 'above'} the usual 0.3 ... 1"
        found.append(f"sigma_data is {scaled_deviation:.3g}, {where}; --values or --scale changes the unit")
    return found


def _whole(array: Array) -> bool:
    sample = array.reshape(-1)[:100_000]
    return bool((sample == np.round(sample)).all())
