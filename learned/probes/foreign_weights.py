"""Weights of foreign networks, from safetensors alone.

Published extractors, such as the copy-detection network of [@Pizzi2022] that [@Zhang2024] compare images with, come as
TorchScript archives. Such an archive contains a program which runs when it is loaded and called, so that it is refused
here like any pickle. Where you trust one, save its weights on your side,

    safetensors.torch.save_file(torch.jit.load("sscd_disc_mixup.torchscript.pt").state_dict(), "sscd.safetensors")

build the architecture as a torch module (for sscd_disc_mixup: a ResNet-50, generalised-mean pooling, one linear map)
and fill it by `load_weights(module, "sscd.safetensors")`. Wherever this package takes `features`, it takes that module.
"""

from __future__ import annotations

import os
import zipfile
from typing import TypeVar

from torch import nn

from ..._support.typed import typed
from ..._support.types import FilePath
from ...errors import CheckpointError
from .._tensor_files import fill, read_tensors

Module = TypeVar("Module", bound=nn.Module)


def is_torchscript(path: FilePath) -> bool:
    """Whether a file is a TorchScript archive: a zip with code inside."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


@typed
def load_weights(module: Module, path: FilePath) -> Module:
    """Fill a module with weights of a safetensors file.

    Parameters
    ----------
    module : torch.nn.Module
        The architecture.
    path : str or Path
        Its weights.

    Returns
    -------
    torch.nn.Module
        `module` itself, in evaluation mode and without gradients.

    Raises
    ------
    CheckpointError
        Where the file is a TorchScript archive or a pickle, is missing or truncated, or does not hold exactly the
        tensors of `module`.

    Examples
    --------
    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> path = f"{tempfile.mkdtemp()}/norm.safetensors"
    >>> save_file({"weight": torch.ones(2), "bias": torch.tensor([3.0, 4.0])}, path)
    >>> load_weights(nn.LayerNorm(2), path)(torch.zeros(1, 2)).tolist()
    [[3.0, 4.0]]
    """
    if os.path.isfile(path) and is_torchscript(path):
        raise CheckpointError(
            "path",
            f"{path} is a TorchScript archive, which holds a program that runs when it is loaded and called",
            "where you trust it, save its state_dict by safetensors.torch.save_file and pass the architecture",
        )
    fill(module, read_tensors(path)[0], path)
    return module.eval().requires_grad_(False)
