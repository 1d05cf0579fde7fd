"""Training on hidden symbols: masked diffusion of strings, next to the Gaussian one of `train`.

Each step hides every leaf of a string with its own probability t, uniform on (0, 1), and minimises the cross entropy
of what was hidden [@Austin2021]:

    E_t  - (1 / leaves) sum_i log p(x0_i | the visible leaves)

A visible leaf costs nothing. The minimum is the exact posterior of each leaf given any set of visible ones.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...errors import ArgumentError
from ..data.images import ImageData
from ..networks.hierarchy import HierarchyNet
from ._train import Training
from .batches import Batch, Batches
from .config import TrainConfig
from .loop import Loop, folder_path, join_ranks
from .objective import stratified_uniforms
from .snapshots import Snapshots


class _MaskedBatches(Batches):
    """One-hot strings with the logarithm of the likelihood of each symbol, given what is visible."""

    def draw(self, step: int, share: int = 1) -> Batch:
        rows, total = self.rows_of(share), self.config.batch
        clean = self.images[self.indices(step)[rows]]
        hidden_share = stratified_uniforms(total, self._stream("train masked share", step))
        draws = torch.rand(total, clean.shape[1], generator=self._stream("train mask", step), device=self.device)
        hidden = (draws < hidden_share[:, None])[rows]
        log_likelihood = torch.where(hidden[..., None], 0.0, clean.log())
        return Batch(clean, log_likelihood, hidden_share[rows].to(clean.dtype), None)


class _MaskedLoop(Loop):
    def __init__(self, model: HierarchyNet, *arguments: Any) -> None:
        super().__init__(model, *arguments)
        self.infer = torch.compile(model.infer) if self.config.compile else model.infer

    def _losses(self, step: int, share: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        clean, log_likelihood, hidden_share, _ = self._draw(step, share)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            log_posterior = self.infer(log_likelihood, None)
        truth = clean.argmax(-1, keepdim=True)
        return -log_posterior.gather(-1, truth).mean((1, 2)), hidden_share


@typed
def train_masked(
    network: HierarchyNet,
    data: torch.Tensor,
    config: TrainConfig | None = None,
    run_dir: FilePath | None = None,
    *,
    device: Device | None = None,
    show: bool | None = None,
) -> Training[HierarchyNet]:
    """Train a copy of `network` to infer the hidden symbols of strings.

    Minimises E_t - (1 / leaves) sum_i log p(x0_i | the visible leaves), each leaf hidden with probability t, t uniform
    on (0, 1) [@Austin2021]. As `train`, resumable and with the same bits every time on the CPU. The use of the result
    is `leaf_posterior` or `predictor("masking")`.

    Parameters
    ----------
    network : HierarchyNet
        Where training starts; without a condition.
    data : torch.Tensor
        One-hot strings (n, leaves, v).
    config : TrainConfig, optional
        How to train; `noise`, `weighting` and the conditions play no role.
    run_dir : str or Path, optional
        Folder where everything is kept: the configuration, the log, the averaged weights, the state, the snapshots.
        The same call goes on where a stopped one was.
    device : str or torch.device, optional
        Where to train; by default where the network is.
    show : bool, optional
        Progress bar on or off; by default on a terminal.

    Returns
    -------
    Training
        The averaged network, the log, the snapshots.

    Raises
    ------
    ArgumentError
        Where `data` is not one-hot, or the network is conditional or not a HierarchyNet.
    ShapeError, CheckpointError, TrainingError
        As `train`.

    Examples
    --------
    >>> from idealscore.theory.belief_propagation.channels import one_hot
    >>> strings = one_hot([[0, 1, 2, 0], [2, 1, 0, 0]], 3)
    >>> trained = train_masked(HierarchyNet((4, 3), width=8), strings, TrainConfig(steps=3, batch=4))
    >>> trained.history[-1]["step"]
    3
    """
    config = config or TrainConfig()
    if not isinstance(network, HierarchyNet) or network.config.conditional:
        raise ArgumentError("network", "is not an unconditional HierarchyNet", "build HierarchyNet((leaves, v))")
    data = check.dataset("data", data)
    if not bool((((data == 0) | (data == 1)).all(-1) & (data.sum(-1) == 1)).all()):
        raise ArgumentError("data", "is not one-hot along the last dimension", "pass one_hot(strings, v)")
    images = ImageData(data, name="strings")
    device = network.device if device is None else torch.device(device)
    device, rank, world = join_ranks(config, device)
    batches = _MaskedBatches(network, images, config, None, device, rank, world)
    model = copy.deepcopy(network).to(device=device)
    description = {
        "objective": "masked",
        "network": network.describe(),
        "train": config.to_dict(),
        "data": images.describe(),
    }
    loop = _MaskedLoop(model, [batches], config, description, run_dir)
    loop.run(show)
    return Training(loop.averaged(), loop.history, Snapshots(loop.kept), folder_path(run_dir))
