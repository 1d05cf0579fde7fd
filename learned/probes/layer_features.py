"""Features of foreign networks: any torch module, read layer by layer; weights only from safetensors.

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
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from ..._support import checks as check
from ...errors import ArgumentError, CheckpointError
from ..checkpoint import fill, read_tensors

Module = TypeVar("Module", bound=nn.Module)


def is_torchscript(path: str | os.PathLike) -> bool:
    """Whether a file is a TorchScript archive: a zip with code inside."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def load_weights(module: Module, path: str | os.PathLike) -> Module:
    """`module` filled with the safetensors weights of `path`, in evaluation mode and without gradients.

    Raises CheckpointError where the file is a TorchScript archive or a pickle, is missing or truncated, or has not
    exactly the tensors of `module`.
    """
    if os.path.isfile(path) and is_torchscript(path):
        raise CheckpointError(
            "path",
            f"{path} is a TorchScript archive, which holds a program that runs when it is loaded and called",
            "where you trust it, save its state_dict by safetensors.torch.save_file and pass the architecture",
        )
    fill(module, read_tensors(path)[0], path)
    return module.eval().requires_grad_(False)


class LayerFeatures:
    """`extractor(x) -> {layer: activation}` of any torch module, by the names of its submodules.

    `layers` are names as in `module.named_modules()`, from shallow to deep; default: the direct children. `prepare`
    maps images in [-1, 1] to what the module wants (another size, another normalisation).

    Raises ArgumentError on an unknown layer, or one that the forward pass does not reach or that gives no tensor.

    >>> net = nn.Sequential(nn.Flatten(), nn.AvgPool1d(2), nn.ReLU())
    >>> {name: tuple(h.shape) for name, h in LayerFeatures(net, ["0", "1"])(torch.zeros(5, 4)).items()}
    {'0': (5, 4), '1': (5, 2)}
    """

    def __init__(self, module: nn.Module, layers: Sequence[str] | None = None, prepare: Any = None) -> None:
        known = [name for name, _ in module.named_modules() if name]
        layers = [name for name, _ in module.named_children()] if layers is None else list(layers)
        if not layers:
            raise ArgumentError("layers", "are none", "name submodules of the extractor")
        self.layers = tuple(check.choice("layers", name, known) for name in layers)
        self.module, self.prepare = module, prepare

    def __call__(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}

        def keep(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                found[name] = output

            return hook

        handles = [self.module.get_submodule(name).register_forward_hook(keep(name)) for name in self.layers]
        try:
            with torch.no_grad():
                self.module(x if self.prepare is None else self.prepare(x))
        finally:
            for handle in handles:
                handle.remove()
        for name in self.layers:
            if not isinstance(found.get(name), torch.Tensor):
                raise ArgumentError("layers", f"{name!r} gives no tensor in the forward pass", "name another layer")
        return {name: found[name] for name in self.layers}
