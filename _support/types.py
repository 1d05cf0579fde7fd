"""The types of public signatures by name, so that each says in one word what it accepts.

Shapes are checked at run time, by `checks`, with an error that names the argument; docstrings state them.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Array: TypeAlias = np.ndarray
"""A NumPy array."""

ArrayLike: TypeAlias = npt.ArrayLike | torch.Tensor
"""Anything that becomes an array of numbers: a tensor, an array, nested lists."""

Points: TypeAlias = torch.Tensor
"""Noisy or clean points, floating point `(batch, *event)`."""

Sigma: TypeAlias = float | torch.Tensor
"""A noise level: a number, or a tensor `()`, `(1,)` or `(batch,)`."""

Record: TypeAlias = dict[str, Any]
"""Plain data by name, as JSON holds it: a configuration, a description, a line of a log."""

Device: TypeAlias = str | torch.device
"""Where tensors live, as torch names it."""

FilePath: TypeAlias = str | os.PathLike[str]
"""The path of a file or folder."""
