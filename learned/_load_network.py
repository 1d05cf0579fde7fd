"""A denoiser from whatever holds a network: a file, a folder, an id of the hub, or an object of another library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from .._support.typed import typed
from .._support.types import ArrayLike, Device, FilePath
from ..errors import ArgumentError, CheckpointError
from ..theory.denoiser import Denoiser
from . import checkpoint, wrap
from ._classes import class_of
from .data.images import ImageData
from .guided import GuidedDenoiser
from .networks import EnsembleDenoiser, NetworkDenoiser
from .wrap._diffusers_files import NETWORK_FOLDERS, PICKLES
from .wrap._library import ADAPTERS, library_of, unwrapped
from .wrap.denoiser import WrappedDenoiser

SAFELY = (
    "load it in three lines, which run none of its code: `weights = torch.load({path!r}, weights_only=True)`;"
    " `net.load_state_dict(weights.get('state_dict', weights))`; `wrap.function(net, predicts=..., clock=...)`"
)


@typed
def load_network(
    source: FilePath | Denoiser | object,
    *,
    variant: str | None = None,
    ema: bool | None = None,
    condition: ArrayLike | str | None = None,
    guidance: float | None = None,
    null: ArrayLike | None = None,
    data: ImageData | None = None,
    scheduler: object = None,
    device: Device = "cpu",
    cache_dir: FilePath | None = None,
) -> NetworkDenoiser | EnsembleDenoiser | WrappedDenoiser | GuidedDenoiser:
    """A denoiser from a file, a folder, an id of the hub, or an object of another library.

    No code of a file is run, and nothing is unpickled.

    Parameters
    ----------
    source : path, str or object
        A run folder or .safetensors file of this package; a diffusers pipeline, its `unet/` or `unet_ema/` alone; or
        `hf:owner/name` of the hub. Or an object: a diffusers pipeline, a module in the manner of EDM, one of azula,
        smalldiffusion, denoising-diffusion-pytorch, k-diffusion or deepinv, also compiled or data-parallel.
    variant : str, optional
        Of the weights of diffusers, such as "fp16".
    ema : bool, optional
        Whether to take the average `unet_ema/` (default: where there is one).
    condition : array_like or str, optional
        The class of all points, by number or by name, or text embeddings (1, tokens, width).
    guidance : float, optional
        The weight w of D_u + (1 + w) (D_c - D_u), so that 0 is the conditional network (see `GuidedDenoiser`).
    null : array_like, optional
        The condition that means "none", where the network does not say it.
    data : ImageData, optional
        Whose names of classes `condition` uses, where the network has not recorded those of its own data.
    scheduler : object or path, optional
        That of a diffusers network that has none next to it.
    device : str or torch.device
        Where the network shall be.
    cache_dir : path, optional
        Of the files of the hub.

    Returns
    -------
    NetworkDenoiser, EnsembleDenoiser, WrappedDenoiser or GuidedDenoiser
        In evaluation mode; without gradients where it was read from files.

    Raises
    ------
    CheckpointError
        Where a file is missing, damaged, foreign, or a pickle; the message says how to load that safely.
    ArgumentError
        Where the object, or what it predicts, is not known.
    MissingDependencyError
        For a diffusers network, without `diffusers`.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> path = checkpoint.save(MLPDenoiser((2,), width=8, n_classes=3), f"{tempfile.mkdtemp()}/net.safetensors")
    >>> network = load_network(path, condition=1, guidance=0.5)
    >>> network.condition, network.guidance, network.shape
    (1, 0.5, (2,))
    """
    if isinstance(source, str | Path):
        found = _read(str(source), variant, ema, scheduler, device, cache_dir)
    else:
        found = _object(source, scheduler)
        found = found.to(device) if isinstance(source, nn.Module) and str(device) != "cpu" else found
    if condition is None and guidance is None:
        return found
    if isinstance(condition, str):
        condition = class_of(found, condition, data)
    return GuidedDenoiser(found, condition, 0.0 if guidance is None else guidance, null)


def _read(
    path: str, variant: str | None, ema: bool | None, scheduler: object, device: Device, cache_dir: FilePath | None
) -> Any:
    here = Path(path)
    if path.startswith("hf:") or _of_diffusers(here):
        options = {"variant": variant, "ema": ema, "scheduler": scheduler, "cache_dir": cache_dir}
        return wrap.diffusers_pipeline(path, device, **options)  # pyright: ignore[reportArgumentType]
    if here.is_file() and here.suffix in PICKLES:
        raise CheckpointError("path", f"{path} is a pickle, which can run code", SAFELY.format(path=path))
    if ":" in path and not here.exists():
        raise CheckpointError(
            "path",
            f"'{path}' looks like a function of a module, and no code is run that a text names",
            "import it and pass the object; on the command line add --trust, which runs its code",
        )
    for name, value in {"variant": variant, "ema": ema, "scheduler": scheduler}.items():
        if value is not None:
            raise ArgumentError(name, f"is given for {path}", "it is for networks of diffusers")
    pickled = [file for file in here.iterdir() if file.suffix in PICKLES] if here.is_dir() else []
    if pickled and not (here / "weights.safetensors").exists():
        problem = f"{path} holds pickles only ({pickled[0].name}), which can run code"
        raise CheckpointError("path", problem, SAFELY.format(path=str(pickled[0])))
    return checkpoint.load(here, device)


def _of_diffusers(here: Path) -> bool:
    if (here / "model_index.json").is_file():
        return True
    if (here / "weights.safetensors").is_file():
        return False
    bare = here / "config.json"
    if bare.is_file() and '"_class_name"' in bare.read_text(encoding="utf-8", errors="replace"):
        return True
    return any((here / name / "config.json").is_file() for name in ("unet_ema", *NETWORK_FOLDERS))


def _object(source: Any, scheduler: object) -> Any:
    """A denoiser from an object."""
    if isinstance(source, NetworkDenoiser | EnsembleDenoiser | WrappedDenoiser | GuidedDenoiser):
        return source
    parts = getattr(source, "components", None)
    if isinstance(parts, dict) and "scheduler" in parts:  # a pipeline of diffusers
        network = next((parts[name] for name in NETWORK_FOLDERS if parts.get(name) is not None), None)
        if network is None:
            raise ArgumentError("source", f"is a {type(source).__name__} without a network", "pass one that has one")
        return wrap.diffusers(network, parts["scheduler"])
    inner = unwrapped(source)
    if type(inner).__module__.partition(".")[0] == __name__.partition(".")[0] and callable(inner):
        return inner  # a denoiser of this package, such as an optimum of the theory
    package = library_of(inner)
    if package == "diffusers":
        if scheduler is None:
            raise ArgumentError("scheduler", "is missing", "pass scheduler=, that of the training")
        return wrap.diffusers(inner, scheduler)
    if package is not None:
        return getattr(wrap, ADAPTERS[package])(inner)
    if isinstance(inner, nn.Module) and hasattr(inner, "sigma_data") and hasattr(inner, "img_resolution"):
        return wrap.edm(inner)
    raise ArgumentError(
        "source",
        f"a {type(source).__name__} does not say what it predicts, nor at which time",
        "pass wrap.function(net, predicts=..., clock=...) around it",
    )


@typed
def describe_network(network: object) -> str:
    """One line on a network: what it is, what it predicts, its clock, its noise range, its range of data if known.

    Parameters
    ----------
    network : object
        Any denoiser.

    Returns
    -------
    str
        For a reader.

    Examples
    --------
    >>> describe_network(wrap.function(abs, predicts="noise", clock="flow_time", range=(0, 1)))
    "abs, predicts='noise', clock='flow_time'; noise levels from 0 to inf; data 0 ... 1 to it, -1 ... 1 here"
    """
    if isinstance(network, GuidedDenoiser):
        condition = "the labels of the data" if network.condition is None else f"condition {network.condition}"
        guidance = f", guided towards it with weight {network.guidance:g}" if network.guidance else ""
        return f"{describe_network(network.denoiser)}; at {condition}{guidance}"
    if not isinstance(network, WrappedDenoiser):
        return f"{network!r}; predicts x0 at sigma"
    name = getattr(network.inner, "__name__", type(network.inner).__name__)
    low, high = network.noise_range or (0.0, float("inf"))
    steps = "" if network.grid is None else f" in {len(network.grid)} steps"
    data = "data as they were in its training"
    if network.data_range is not None:
        data = f"data {network.data_range[0]:g} ... {network.data_range[1]:g} to it, -1 ... 1 here"
    words = ", ".join([name, *network.summary()])
    return f"{words}; noise levels from {low:.4g} to {high:.4g}{steps}; {data}"
