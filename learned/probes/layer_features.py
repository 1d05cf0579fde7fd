"""Features of foreign networks: any torch module, read layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ...errors import ArgumentError


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
