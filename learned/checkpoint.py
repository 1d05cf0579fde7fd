"""Networks on disk: safetensors with the configuration in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._support.types import Device, FilePath
from ..errors import CheckpointError, IdealScoreError
from ._outline import check_outline
from ._tensor_files import AGAIN, fill, read_tensors, write_tensors
from .networks import build
from .networks.base import NetworkDenoiser
from .networks.ensemble import EnsembleDenoiser

if TYPE_CHECKING:
    from .wrap import WrappedDenoiser

FORMAT = "idealscore network 1"


def save(network: NetworkDenoiser | EnsembleDenoiser, path: FilePath, **metadata: object) -> Path:
    """Write the weights of a network with its configuration, whole or not at all.

    Parameters
    ----------
    network : NetworkDenoiser or EnsembleDenoiser
        The network.
    path : str or Path
        The safetensors file.
    **metadata
        What shall stand next to the weights, as JSON can hold it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputError
        Where the disk is full or the folder cannot be written; a file that was there before stays whole.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> path = save(MLPDenoiser((2,), width=8), f"{tempfile.mkdtemp()}/net.safetensors", note="untrained")
    >>> load(path).metadata["note"]
    'untrained'
    """
    description = {"format": FORMAT, "network": network.describe(), **metadata}
    write_tensors(path, network.state_dict(), description)
    return Path(path)


def load(path: FilePath, device: Device = "cpu") -> NetworkDenoiser | EnsembleDenoiser | WrappedDenoiser:
    """The network of a checkpoint file, a run folder or a saved diffusers pipeline, ready to use.

    Parameters
    ----------
    path : str or Path
        A safetensors file that `save` wrote; the folder of a run; a folder with `model_index.json`.
    device : str or torch.device
        Where the network shall be.

    Returns
    -------
    NetworkDenoiser, EnsembleDenoiser or WrappedDenoiser
        In evaluation mode, without gradients. What was written next to the weights is in `.metadata`.

    Raises
    ------
    CheckpointError
        Where the file is missing, truncated, damaged, foreign, a pickle, or of another network.
    MissingDependencyError
        For a pipeline, without `diffusers`.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> path = save(MLPDenoiser((2,), width=8, depth=1), f"{tempfile.mkdtemp()}/net.safetensors")
    >>> load(path)
    MLPDenoiser(event=(2,), width=8, depth=1, 546 parameters, float32, cpu)
    """
    path = Path(path)
    if (path / "model_index.json").is_file():
        from .wrap import diffusers_pipeline

        return diffusers_pipeline(path, device)
    path = path / "weights.safetensors" if path.is_dir() else path
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            "path", f"{path} does not hold an idealscore network", "wrap a foreign network by idealscore.learned.wrap"
        )
    try:
        check_outline(metadata["network"], tensors)
        network = build(metadata["network"])
    except CheckpointError as error:
        raise CheckpointError("path", f"{path} {error.problem}", error.remedy) from None
    except (IdealScoreError, TypeError, KeyError, ValueError, RuntimeError, OverflowError) as error:
        raise CheckpointError("path", f"{path} does not describe a network of this version ({error})", AGAIN) from None
    fill(network, tensors, path)
    network.metadata = metadata
    return network.to(device).eval().requires_grad_(False)
