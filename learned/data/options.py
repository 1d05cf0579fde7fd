"""How data are read: the options that every command which loads data has, and `load`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..._support import checks as check
from ..._support.typed import typed


@typed
@dataclass(frozen=True)
class DataOptions:
    """What the reader is told where it shall not find out, or find out otherwise, what the data are.

    Parameters
    ----------
    values : tuple of float, optional
        Raw values that are the lowest and the highest there can be, as in --values 0 255 (default: by type or values).
    scale : str
        What the range becomes; auto is -1..1 where the range is known, as-is where it was only measured.
    layout : str, optional
        Axes of an array, one letter each: nhw, nchw, nhwc, hwcn, nd, ntd, n* (default: by the sizes).
    column : str, optional
        Name of the images inside a file or table (default: a usual one).
    label_column : str, optional
        Name of the labels (default: a usual one); none reads no labels.
    split : str, optional
        Part of a data set that has several: train, test, ...
    mode : str
        What pictures are brought to; auto is gray where all are gray, else rgb.
    alpha : str
        Transparency: dropped, composited over white or black, or kept as a channel.
    on_error : str
        What a broken picture does: stop, or be skipped and counted.

    Raises
    ------
    ArgumentError, UnknownNameError
        For an option of another kind, or a word that is none of those listed.

    Examples
    --------
    >>> DataOptions(values=(0, 4095)).scale
    'auto'
    """

    values: tuple[float, float] | None = None
    scale: Literal["auto", "as-is", "-1..1", "0..1", "standardise"] = "auto"
    layout: str | None = None
    column: str | None = None
    label_column: str | None = None
    split: str | None = None
    mode: Literal["auto", "gray", "rgb"] = "auto"
    alpha: Literal["drop", "white", "black", "keep"] = "drop"
    on_error: Literal["stop", "skip"] = "stop"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", check.plain(self.values))
