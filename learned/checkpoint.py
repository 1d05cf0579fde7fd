"""Networks on disk: safetensors with the configuration in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from .._support.results import atomic_path
from ..errors import CheckpointError, IdealScoreError, OutputError
from ._outline import check_outline
from .networks import build
from .networks.base import NetworkDenoiser
from .networks.ensemble import EnsembleDenoiser

FORMAT = "idealscore network 1"
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
DIGEST = "digest"
_AGAIN = "copy or write it again"


def write_tensors(path: str | os.PathLike, tensors: Mapping[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-able metadata with a digest of both, whole or not at all.

    Raises OutputError where the disk is full or the folder cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = {key: json.dumps(value) for key, value in metadata.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(plain, temporary, {**text, DIGEST: json.dumps(digest(plain, text))})
        except SafetensorError as error:
            remedy = "make room and repeat the command; the checkpoint before is whole"
            raise OutputError("out", f"{path} cannot be written ({error})", remedy) from None


def digest(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """A hash of the contents of a file, which tells whether a bit of it has changed."""
    content = blake2b(json.dumps(sorted(metadata.items())).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.hexdigest()


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and metadata of a file; raises CheckpointError on what is missing, truncated, a pickle or foreign."""
    from safetensors import safe_open

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
            text = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except Exception as error:  # whatever the library says of a broken file
        raise CheckpointError("path", f"{path} is truncated or no safetensors file ({error})", _AGAIN) from None
    try:
        metadata = {key: json.loads(value) for key, value in text.items()}
    except (ValueError, RecursionError):
        raise CheckpointError(
            "path", f"{path} was not written by idealscore", "pass a run or a checkpoint of it"
        ) from None
    if DIGEST in metadata:
        expected = metadata.pop(DIGEST)
        if digest(tensors, {key: value for key, value in text.items() if key != DIGEST}) != expected:
            raise CheckpointError("path", f"{path} was damaged after it was written", _AGAIN)
    return tensors, metadata


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
