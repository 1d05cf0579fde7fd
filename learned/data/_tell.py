"""Data for a command, loaded as its options say; what was understood is printed before anything is computed."""

from __future__ import annotations

import sys
import warnings
from dataclasses import fields
from typing import TYPE_CHECKING

from .options import DataOptions

if TYPE_CHECKING:
    from .images import ImageData


def load_data(source: str, options: DataOptions, json: bool = False) -> ImageData:
    """The data, after the table of what was understood: on stdout, or on stderr beside JSON."""
    from ...errors import DataWarning
    from ._load import load

    chosen = {entry.name: getattr(options, entry.name) for entry in fields(DataOptions)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the table has them
        data = load(source, **chosen)
    print(f"{data}\n", file=sys.stderr if json else sys.stdout, flush=True)
    return data
