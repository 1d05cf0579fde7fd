"""Shared settings: derandomised property tests, slow tests on request, one torch thread per worker.

The suite leaves out the slow tests and, to `--rest`, of a test marked `sampled` the cases outside its share, and the
tests of rest.txt, which take about a second or more and have quicker ones next to them.
--last-bits SEED runs each test as on another processor (last_bits.py).
"""

import gc
import hashlib
import os
from pathlib import Path

import pytest

gc.disable()  # until all is imported and collected, of which nothing is garbage

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "agg")

import safetensors.torch  # noqa: F401  the savers of diffusers use it as if `import safetensors` were enough
from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, database=None, deadline=None, max_examples=50)
settings.load_profile("deterministic")


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run all: the suite, its rest and the tests marked slow")
    parser.addoption("--rest", action="store_true", help="run what the suite leaves to its rest, and that alone")
    parser.addoption("--last-bits", type=int, metavar="SEED", help="compute as another processor does (last_bits.py)")
    parser.addoption("--kills", type=int, default=300, help="how often the long commands are killed, all together")
    parser.addoption(
        "--optimized-children", action="store_true", help="each Python that a test starts runs without assert (-O)"
    )


def pytest_configure(config):
    if config.getoption("--last-bits") is not None:
        from last_bits import NumpyMachine

        other = NumpyMachine(config.getoption("--last-bits"))
        other.install()
        config.add_cleanup(other.remove)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    if item.config.getoption("--last-bits") is None or "compiled" in item.keywords:
        return (yield)
    from last_bits import machine

    with machine(item.config.getoption("--last-bits")):
        return (yield)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--last-bits") is not None:
        away = pytest.mark.skip(reason="--last-bits does not reach the other process")
        for item in items:
            if "other_process" in item.keywords:
                item.add_marker(away)
    if config.getoption("--run-slow"):
        return
    rest = {item.nodeid for item in items if left_to_the_rest(item)}
    if config.getoption("--rest"):
        ours = [item.nodeid in rest and "slow" not in item.keywords for item in items]
        config.hook.pytest_deselected(items=[item for item, own in zip(items, ours, strict=True) if not own])
        items[:] = [item for item, own in zip(items, ours, strict=True) if own]
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --run-slow"))
        elif item.nodeid in rest:
            item.add_marker(pytest.mark.skip(reason="run with --rest"))


def pytest_collection_finish():
    """What lives as long as the process need not be searched for garbage a hundred times."""
    gc.freeze()
    gc.enable()


REST = frozenset(Path(__file__).with_name("rest.txt").read_text(encoding="utf-8").splitlines())


def left_to_the_rest(item):
    sampled = item.get_closest_marker("sampled")
    return item.nodeid in REST or (sampled is not None and not in_sample(item.name, *sampled.args))


def in_sample(name, share, *always):
    """Whether a case is one of the `share` that the suite runs, by a hash of its name, or one that it always runs."""
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest())
    return number < share * 2**32 or any(f"[{one}]" in name for one in always)


@pytest.fixture(autouse=True, scope="session")
def _optimized_children(request):
    """Not set before: the processes of pytest-xdist are children too, and a test without assert tests nothing."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--optimized-children"):
            patch.setenv("PYTHONOPTIMIZE", "1")
        yield


@pytest.fixture(autouse=True)
def _global_random_state_untouched():
    """No test may make the package read or write a global random state."""
    import numpy as np
    import torch

    before = np.random.get_state(legacy=False)["state"]["key"].copy(), torch.get_rng_state()  # noqa: NPY002
    yield
    after = np.random.get_state(legacy=False)["state"]["key"], torch.get_rng_state()  # noqa: NPY002
    assert (before[0] == after[0]).all() and bool((before[1] == after[1]).all()), "a global random state was used"
