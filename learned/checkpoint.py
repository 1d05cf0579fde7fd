"""Networks on disk: safetensors with the configuration in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .._results import atomic_path
from ..errors import CheckpointError, IdealScoreError
from ._network import NetworkDenoiser
from .networks import build
from .stacked import EnsembleDenoiser

FORMAT = "idealscore network 1"
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_AGAIN = "copy or write it again"


def write_tensors(path: str | os.PathLike, tensors: Mapping[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-able metadata, whole or not at all."""
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, {key: json.dumps(value) for key, value in metadata.items()})


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and metadata of a file; raises CheckpointError on what is missing, truncated, a pickle or foreign."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise CheckpointError("path", f"there is no file {path}", "check the name")
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start.startswith(_PICKLES):
        raise CheckpointError(
            "path",
            f"{path} is a pickle, which can run any code when loaded",
            "where you trust its source, save its weights by safetensors.torch.save_file and load them into a network",
        )
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError("path", f"{path} is truncated or no safetensors file ({error})", _AGAIN) from None
    try:
        return tensors, {key: json.loads(value) for key, value in metadata.items()}
    except ValueError:
        raise CheckpointError(
            "path", f"{path} was not written by idealscore", "pass a run or a checkpoint of it"
        ) from None


def save(network: NetworkDenoiser | EnsembleDenoiser, path: str | os.PathLike, **metadata: Any) -> Path:
    """Write the weights of `network` with its configuration and further JSON-able `metadata`."""
    description = {"format": FORMAT, "network": network.describe(), **metadata}
    write_tensors(path, network.state_dict(), description)
    return Path(path)


def load(path: str | os.PathLike, device: str | torch.device = "cpu") -> Any:
    """The network of a checkpoint file, a run folder or a saved diffusers pipeline, ready to use.

    An ensemble comes back as an `EnsembleDenoiser`. What was written beside the weights is in `.metadata`.

    Raises CheckpointError where the file is missing, truncated, foreign, a pickle, or of another network.
    """
    path = Path(path)
    if (path / "model_index.json").is_file():
        from .wrap import diffusers_pipeline

        return diffusers_pipeline(path, device)
    path = path / "weights.safetensors" if path.is_dir() else path
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            "path", f"{path} holds no idealscore network", "wrap a foreign network by idealscore.learned.wrap"
        )
    try:
        network = build(metadata["network"])
    except (IdealScoreError, TypeError) as error:
        raise CheckpointError("path", f"{path} describes no network of this version ({error})", _AGAIN) from None
    fill(network, tensors, path)
    network.metadata = metadata  # type: ignore[assignment]
    return network.to(device).eval().requires_grad_(False)


def fill(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: str | os.PathLike) -> None:
    """Copy `tensors` into `network`; names and shapes must be exactly its own."""
    own = network.state_dict()
    odd = sorted(set(own) ^ set(tensors)) or [
        name for name in own if tuple(own[name].shape) != tuple(tensors[name].shape)
    ]
    if odd:
        problem = f"{path} is of another network ({len(odd)} tensors differ, the first is {odd[0]})"
        raise CheckpointError("path", problem, "pass the checkpoint of this network")
    network.load_state_dict(dict(tensors))
