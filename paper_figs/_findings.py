"""What a figure says in words: the prediction, the measurement, and where the two disagree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """Three sentences, made from a figure's result, so that numbers in the gallery are those of the picture."""

    predicted: str
    measured: str
    disagreement: str
