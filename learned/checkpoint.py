"""Networks on disk: safetensors with the configuration in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError, IdealScoreError
from ._outline import check_outline
from ._tensor_files import AGAIN, fill, read_tensors, write_tensors
from .networks import build
from .networks.base import NetworkDenoiser
from .networks.ensemble import EnsembleDenoiser

FORMAT = "idealscore network 1"


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
        check_outline(metadata["network"], tensors)
        network = build(metadata["network"])
    except CheckpointError as error:
        raise CheckpointError("path", f"{path} {error.problem}", error.remedy) from None
    except (IdealScoreError, TypeError, KeyError, ValueError, RuntimeError, OverflowError) as error:
        raise CheckpointError("path", f"{path} describes no network of this version ({error})", AGAIN) from None
    fill(network, tensors, path)
    network.metadata = metadata  # type: ignore[assignment]
    return network.to(device).eval().requires_grad_(False)
