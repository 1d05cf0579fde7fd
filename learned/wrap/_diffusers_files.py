"""Networks of `diffusers` on disk or in the cache of the hub: pipelines, bare networks, averages, variants."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ..._support.typed import typed
from ..._support.types import Device, FilePath, Record
from ...errors import ArgumentError, CheckpointError, IdealScoreError, MissingDependencyError
from ._diffusers import NETWORKS, diffusers
from .denoiser import WrappedDenoiser

NETWORK_FOLDERS = ("unet", "transformer")
WEIGHTS = "diffusion_pytorch_model"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SAFE_LINES = (
    "load them once by `weights = torch.load(FILE, weights_only=True)`, `net.load_state_dict(weights)` and"
    " `wrap.diffusers(net, scheduler)`, with `net = {kind}.from_config(json.load(open(CONFIG)))`"
)


@typed
def diffusers_pipeline(
    path: FilePath,
    device: Device = "cpu",
    *,
    variant: str | None = None,
    ema: bool | None = None,
    scheduler: object = None,
    cache_dir: FilePath | None = None,
) -> WrappedDenoiser:
    """The denoiser of a saved `diffusers` pipeline, or of its network alone; only safetensors weights are read.

    Parameters
    ----------
    path : str or Path
        A folder with `model_index.json` and `scheduler/`, and `unet/` or `transformer/`; a checkpoint folder with
        `unet/` or `unet_ema/`; one of those alone; or `hf:owner/name`, also `hf:owner/name@revision`, of the hub.
    device : str or torch.device
        Where the network shall be.
    variant : str, optional
        Of the weights, such as "fp16".
    ema : bool, optional
        Whether to take the average `unet_ema/` (default: where there is one).
    scheduler : object or path, optional
        The scheduler, or its folder, where none is next to the network.
    cache_dir : path, optional
        Of the files of the hub (default: that of `huggingface_hub`).

    Returns
    -------
    WrappedDenoiser
        In evaluation mode, without gradients; `metadata` holds where it is from.

    Raises
    ------
    MissingDependencyError
        Without `diffusers`.
    CheckpointError
        Where something is missing, damaged or a pickle, or a part is not of `diffusers`.
    ArgumentError
        Where the network or the scheduler is not supported.

    Examples
    --------
    >>> diffusers_pipeline("FOLDER")  # doctest: +SKIP
    WrappedDenoiser(UNet2DModel, predicts='noise', clock='index', event=(3, 32, 32), 35.75 M parameters, float32, cpu)
    """
    try:
        import diffusers as library
        import safetensors.torch  # noqa: F401  diffusers uses it as if `import safetensors` were enough
    except ImportError:
        raise MissingDependencyError("diffusers", "hub") from None
    place, options = _place(str(path), cache_dir)
    folder, kind = _network(library, place, ema, options)
    network = _weights(getattr(library, kind), place, folder, variant, options)
    if scheduler is None or isinstance(scheduler, str | Path):
        scheduler = _scheduler(library, place, scheduler, options)
    wrapped = diffusers(network, scheduler).to(device).requires_grad_(False)
    wrapped.metadata = {"source": f"{path} ({'/'.join(filter(None, ['diffusers', folder]))})"}
    return wrapped


def _place(path: str, cache_dir: FilePath | None) -> tuple[str, Record]:
    """What `from_pretrained` takes: a folder, or an id of the hub with its options."""
    if not path.startswith("hf:"):
        if not Path(path).is_dir():
            raise CheckpointError("path", f"there is no folder {path}", "pass a folder, or hf:owner/name of the hub")
        return path, {"local_files_only": True}
    name, _, revision = path.removeprefix("hf:").partition("@")
    if name.count("/") != 1 or not all(name.split("/")):
        raise CheckpointError("path", f"'{path}' is no id of the hub", "pass hf:owner/name or hf:owner/name@revision")
    return name, {"cache_dir": None if cache_dir is None else str(cache_dir), "revision": revision or None}


def _network(library: Any, place: str, ema: bool | None, options: Record) -> tuple[str, str]:
    """(sub-folder, class) of the network: by `model_index.json`, by the folders there are, or of a bare one."""
    here = Path(place)
    index = _json(place, options, "model_index.json")
    named = {} if index is None else {part: index[part] for part in NETWORK_FOLDERS if part in index}
    if index is not None and not named:
        remedy = f"only pipelines with a {' or '.join(NETWORK_FOLDERS)} hold a denoiser"
        raise CheckpointError(
            "path",
            f"{place} is a {index.get('_class_name') or 'pipeline of an unknown kind'} without a network",
            remedy,
        )
    if named:
        [folder, *_], [entry, *_] = list(named), list(named.values())
        source, kind = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        if source != "diffusers":
            raise CheckpointError(
                "path", f"{place} takes its {folder} from '{source}', not diffusers", "no code of a checkpoint is run"
            )
    else:
        bare = (here / "config.json").is_file()
        found = [name for name in ("unet_ema", *NETWORK_FOLDERS) if (here / name / "config.json").is_file()]
        if not bare and not found:
            raise CheckpointError(
                "path",
                f"{place} is neither a diffusers pipeline nor its network",
                "save it by pipeline.save_pretrained(path)",
            )
        folder = "" if bare else next((name for name in found if name != "unet_ema"), found[0])
        kind = None
    averaged = (here / "unet_ema" / "config.json").is_file() and folder == "unet"
    if ema and not averaged and folder != "unet_ema" and here.name != "unet_ema":
        raise CheckpointError(
            "ema", f"there is no {here / 'unet_ema'}", "leave it out, the weights are those there are"
        )
    if averaged and ema is not False:
        folder = "unet_ema"
    if kind is None:
        config = _json(place, options, "config.json", folder) or {}
        kind = config.get("_class_name")
    if kind not in NETWORKS or not hasattr(library, str(kind)):
        raise CheckpointError("path", f"{place} holds a {kind}", f"supported are {', '.join(NETWORKS)}")
    return folder, str(kind)


def _json(place: str, options: Record, name: str, folder: str = "") -> Record | None:
    """A JSON file of the folder or the hub; None where there is none."""
    try:
        if "local_files_only" in options:
            file = Path(place) / folder / name
            if not file.is_file():
                return None
        else:
            from huggingface_hub import hf_hub_download

            with quiet():
                file = Path(hf_hub_download(place, f"{folder}/{name}".lstrip("/"), **options))
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        problem = f"{place}: {name} is damaged ({type(error).__name__})"
        raise CheckpointError("path", problem, "save or download it again") from None
    except Exception as error:  # the hub's own, of many kinds
        if type(error).__name__ in ("EntryNotFoundError", "RemoteEntryNotFoundError"):
            return None
        text = " ".join(str(error).split())[:200]
        problem = f"{place} cannot be had from the hub ({type(error).__name__}: {text})"
        raise CheckpointError(
            "path", problem, "check the name and the network, or download it and pass the folder"
        ) from None
    if not isinstance(found, dict):
        raise CheckpointError("path", f"{place}: {name} is damaged (no dictionary)", "save or download it again")
    return found


def _weights(kind: Any, place: str, folder: str, variant: str | None, options: Record) -> Any:
    """The network with all its weights; nothing is left random."""
    local = Path(place) / folder if "local_files_only" in options else None
    if local is not None:
        _check_files(kind.__name__, local, variant)
    try:
        with torch.random.fork_rng(devices=[]), quiet():
            network, info = kind.from_pretrained(
                place,
                subfolder=folder or None,
                variant=variant,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except IdealScoreError:
        raise
    except Exception as error:  # another library's, of many kinds
        text = " ".join(str(error).split())[:200]
        where = "/".join(filter(None, [place, folder]))
        problem = f"{where} cannot be read as {kind.__name__} ({type(error).__name__}: {text})"
        raise CheckpointError("path", problem, "save it by save_pretrained(path, safe_serialization=True)") from None
    wrong = [*info.get("missing_keys", []), *info.get("mismatched_keys", []), *info.get("unexpected_keys", [])]
    if wrong:
        problem = f"{place} has weights that do not fit its config.json, {len(wrong)} of them, such as {wrong[0]}"
        raise CheckpointError("path", problem, "pass the configuration and the weights of the same network")
    return network


def _check_files(kind: str, folder: Path, variant: str | None) -> None:
    """One line on weights that are not there, or only in another form."""
    stored = [
        file.name.removeprefix(WEIGHTS).split(".safetensors")[0] for file in folder.glob(f"{WEIGHTS}*.safetensors*")
    ]
    variants = sorted({name.split("-")[0].removeprefix(".") for name in stored})  # "" plain, "fp16", ...
    if (variant or "") in variants:
        return
    if variants:
        asked = f"no weights of variant '{variant}'" if variant else "no plain weights"
        remedy = "leave the variant out" if "" in variants else f"pass variant='{variants[0]}'"
        raise CheckpointError("variant", f"{folder} has {asked}", remedy)
    pickled = sorted(file for ending in PICKLES for file in folder.glob(f"*{ending}"))
    if pickled:
        what = f"{folder} has pickled weights only ({pickled[0].name})"
        problem = f"{what}, which can run code; only safetensors are read"
        raise CheckpointError("path", problem, SAFE_LINES.format(kind=kind))
    raise CheckpointError("path", f"{folder} has no weights ({WEIGHTS}.safetensors)", "download or save them again")


def _scheduler(library: Any, place: str, given: FilePath | None, options: Record) -> Any:
    """The scheduler next to the network, or in the folder given."""
    local = "local_files_only" in options
    around = [Path(place) / "scheduler", Path(place).parent / "scheduler"] if local else []
    if given is not None:
        around = [Path(given), Path(given) / "scheduler"]
    folder = next((one for one in around if (one / "scheduler_config.json").is_file()), None)
    if folder is None and (given is not None or local):
        where = given or place
        raise CheckpointError(
            "scheduler",
            f"there is no scheduler_config.json in or next to {where}",
            "pass scheduler=, its folder or itself",
        )
    config = (
        _json(str(folder), {"local_files_only": True}, "scheduler_config.json")
        if folder is not None
        else _json(place, options, "scheduler_config.json", "scheduler")
    )
    name = str((config or {}).get("_class_name"))
    kind = getattr(library, name, None)
    if not (isinstance(kind, type) and issubclass(kind, library.SchedulerMixin)):
        raise CheckpointError(
            "scheduler", f"'{name}' is none that diffusers {library.__version__} knows", "update diffusers"
        )
    try:
        with quiet():
            return kind.from_config(config)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ArgumentError(
            "scheduler", f"{name} cannot be made ({type(error).__name__}: {text})", "check its config"
        ) from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings of diffusers and of the hub within the block: what of them matters is checked here."""
    loggers = [logging.getLogger(name) for name in ("diffusers", "huggingface_hub")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
