"""Features of foreign networks: any torch module, read layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import nn

from ..._support import checks as check
from ..._support.modules import evaluating
from ..._support.typed import typed
from ..._support.types import Points
from ...errors import ArgumentError

Prepare: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


@typed
class LayerFeatures:
    """`extractor(x) -> {layer: activation}` of any torch module, by the names of its submodules.

    Parameters
    ----------
    module : torch.nn.Module
        The extractor.
    layers : sequence of str, optional
        Names as in `module.named_modules()`, from shallow to deep; by default the direct children.
    prepare : callable, optional
        Maps images in [-1, 1] to what the module wants (another size, another normalisation).

    Raises
    ------
    UnknownNameError
        On an unknown layer.
    ArgumentError
        Where there are no layers; when called, where the forward pass does not reach a layer or it gives no tensor.

    Examples
    --------
    >>> LayerFeatures(nn.Sequential(nn.Flatten(), nn.ReLU()))
    LayerFeatures(Sequential, layers=('0', '1'))
    >>> net = nn.Sequential(nn.Flatten(), nn.AvgPool1d(2), nn.ReLU())
    >>> {name: tuple(h.shape) for name, h in LayerFeatures(net, ["0", "1"])(torch.zeros(5, 4)).items()}
    {'0': (5, 4), '1': (5, 2)}
    """

    def __init__(self, module: nn.Module, layers: Sequence[str] | None = None, prepare: Prepare | None = None) -> None:
        known = [name for name, _ in module.named_modules() if name]
        layers = [name for name, _ in module.named_children()] if layers is None else list(layers)
        if not layers:
            raise ArgumentError("layers", "is empty", "name submodules of the extractor")
        self.layers: tuple[str, ...] = tuple(check.choice("layers", name, known) for name in layers)
        self.module: nn.Module = module
        self.prepare: Prepare | None = prepare

    def __repr__(self) -> str:
        return f"LayerFeatures({type(self.module).__name__}, layers={self.layers})"

    def __call__(self, x: Points) -> Mapping[str, torch.Tensor]:
        """The activations of images, `{layer: (batch, ...)}`.

        Parameters
        ----------
        x : torch.Tensor
            Images `(batch, *event)`.

        Returns
        -------
        dict
            Activations by layer, from shallow to deep.
        """
        found: dict[str, torch.Tensor] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
                found[name] = output

            return hook

        handles = [self.module.get_submodule(name).register_forward_hook(keep(name)) for name in self.layers]
        try:
            with torch.no_grad(), evaluating(self.module):
                self.module(x if self.prepare is None else self.prepare(x))
        finally:
            for handle in handles:
                handle.remove()
        for name in self.layers:
            if not isinstance(found.get(name), torch.Tensor):
                raise ArgumentError("layers", f"{name!r} gives no tensor in the forward pass", "name another layer")
        return {name: found[name] for name in self.layers}
