"""Named tensors on disk: safetensors with JSON in the metadata and a digest. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import torch

from .._support.results import atomic_path
from .._support.types import FilePath, Record
from ..errors import CheckpointError, OutputError

_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
DIGEST = "digest"
AGAIN = "copy or write it again"


def write_tensors(path: FilePath, tensors: Mapping[str, torch.Tensor], metadata: Record) -> None:
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


def read_tensors(path: FilePath) -> tuple[dict[str, torch.Tensor], Record]:
    """Tensors and metadata of a file; raises CheckpointError on what is missing, truncated, a pickle or foreign."""
    from safetensors import safe_open

    path = Path(path)
    if not path.is_file():
        raise CheckpointError("path", f"{path} does not exist", "check the name")
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
        raise CheckpointError("path", f"{path} is truncated or not a safetensors file ({error})", AGAIN) from None
    try:
        metadata = {key: json.loads(value) for key, value in text.items()}
    except (ValueError, RecursionError):
        raise CheckpointError(
            "path", f"{path} was not written by idealscore", "pass a run or a checkpoint of it"
        ) from None
    if DIGEST in metadata:
        expected = metadata.pop(DIGEST)
        if digest(tensors, {key: value for key, value in text.items() if key != DIGEST}) != expected:
            raise CheckpointError("path", f"{path} was damaged after it was written", AGAIN)
    return tensors, metadata


def fill(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: FilePath) -> None:
    """Copy `tensors` into `network`; names and shapes must be exactly its own."""
    own = network.state_dict()
    odd = sorted(set(own) ^ set(tensors)) or [
        name for name in own if tuple(own[name].shape) != tuple(tensors[name].shape)
    ]
    if odd:
        problem = f"{path} is of another network ({len(odd)} tensors differ, the first is {odd[0]})"
        raise CheckpointError("path", problem, "pass the checkpoint of this network")
    network.load_state_dict(dict(tensors))
