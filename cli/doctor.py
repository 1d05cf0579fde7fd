"""`idealscore doctor`: is everything here that idealscore needs?"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, metadata, requires, version
from pathlib import Path

FOR_DEVELOPERS = ("test", "docs")


@dataclass(frozen=True)
class Command:
    """Versions, devices, threads, caches, extras that are missing, and a self-test of a second.

    Exit code 2 where the self-test fails.
    """

    json: bool = False
    """print what was found as JSON"""

    def run(self) -> None:
        found = dict(findings())
        self_test()
        found["self-test"] = "passed"
        if self.json:
            import json

            print(json.dumps(found, indent=2))
        else:
            print("\n".join(f"{name:<18}{what}" for name, what in found.items()))


def findings() -> Iterator[tuple[str, str]]:
    """What there is, a line each: versions, processor, threads, device, where files are cached, extras."""
    yield "idealscore", f"{version('idealscore')} in {Path(__file__).parents[1]}"
    yield "python", f"{platform.python_version()} ({sys.executable})"
    for name in ("numpy", "scipy", "numba", "torch", "xarray", "matplotlib"):
        yield name, version(name)
    yield "processor", f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    yield from _threads_and_device()
    yield "numba cache", _cache()
    yield "temporary files", _writable(Path(tempfile.gettempdir()))
    extras = metadata("idealscore").get_all("Provides-Extra") or []
    for extra in (extra for extra in extras if extra not in FOR_DEVELOPERS):
        missing = missing_of(extra)
        remedy = f"without {', '.join(missing)}; pip install 'idealscore[{extra}]'" if missing else "installed"
        yield f"extra {extra}", remedy


def missing_of(extra: str) -> list[str]:
    """The packages of an extra that are not installed."""
    from packaging.requirements import Requirement

    wanted = [Requirement(one) for one in requires("idealscore") or ()]
    named = [one.name for one in wanted if one.marker is not None and one.marker.evaluate({"extra": extra})]
    return [name for name in named if not _installed(name)]


def self_test() -> None:
    """The empirical optimum of two points against its formula, in the time that it takes to compile.

    Raises
    ------
    EstimateError
        Where the two differ.
    """
    import torch

    from ..errors import EstimateError
    from ..theory import EmpiricalDenoiser

    start = time.perf_counter()
    points = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    x = torch.tensor([[0.3]], dtype=torch.float64)
    got = float(EmpiricalDenoiser(points)(x, 0.8))
    wanted = float(torch.tanh(x / 0.8**2))
    if not abs(got - wanted) < 1e-9:
        problem = f"the optimum of two points is {got:.12g} and should be {wanted:.12g}"
        raise EstimateError(f"self-test: {problem}; report it with the versions that `pip freeze` prints")
    if time.perf_counter() - start > 30:
        print("the self-test took more than 30 s: is the folder of the numba cache writable?", file=sys.stderr)


def _threads_and_device() -> Iterator[tuple[str, str]]:
    import numba
    import torch

    yield "threads", f"torch {torch.get_num_threads()}, numba {numba.get_num_threads()}"
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            yield f"cuda:{index}", torch.cuda.get_device_name(index)
    else:
        yield "device", "cpu (torch sees no GPU)"


def _cache() -> str:
    """Where compiled kernels are kept between runs."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return _writable(Path(named) if named else Path(__file__).parents[1])


def _writable(folder: Path) -> str:
    able = os.access(folder, os.W_OK)
    return f"{folder}" if able else f"{folder} cannot be written; set NUMBA_CACHE_DIR or TMPDIR to a folder of yours"


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
