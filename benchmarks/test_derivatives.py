"""What derivatives cost: backward() and jvp of every closed form, over the mean itself, and their memory.

    pytest benchmarks/test_derivatives.py -s                # one thread, all forms
    pytest benchmarks/test_derivatives.py -s -k local

Times are CPU time of one thread, the least of several repeats taken in turn, so that other work on the machine matters
little. backward is that of <g, D(x, sigma)> in x and sigma without the mean before it, jvp is the mean and its
derivative along a direction of both. What holds its data has a backward in x, sigma and these too. Memory is the peak
of the resident memory during a second call above what is held before it, of mean, mean with backward, jvp, and mean
with backward in the data too, in a process of its own (Linux only).
"""

import ctypes
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from idealscore._support.streams import torch_stream
from idealscore.theory import (
    EmpiricalDenoiser,
    FiniteSampleDenoiser,
    GaussianDenoiser,
    LocalDenoiser,
    MaskedDenoiser,
    MixtureDenoiser,
)

REPEATS = 3
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own forward derivatives


def images(n):
    """Smooth blobs on an empty ground, like handwritten digits."""
    coarse = torch.randn(n, 1, 7, 7, generator=torch_stream(0, "benchmark images"))
    return torch.nn.functional.interpolate(coarse, size=(28, 28), mode="bicubic").sub_(0.5).clamp_(0, 1)


FORMS = {
    "empirical": (10_000, 256, EmpiricalDenoiser),
    "Gaussian": (10_000, 1024, lambda data: GaussianDenoiser.fit(data).to(torch.float32)),
    "mixture, ten components": (
        10_000,
        512,
        lambda data: MixtureDenoiser.fit(data, torch.arange(len(data)) % 10).to(torch.float32),
    ),
    "finite sample": (10_000, 1024, lambda data: FiniteSampleDenoiser.fit(data, len(data)).to(torch.float32)),
    "local, same place, 3 x 3": (10_000, 4, lambda data: LocalDenoiser(data, 3, False)),
    "local, same place, 7 x 7": (10_000, 4, lambda data: LocalDenoiser(data, 7, False)),
    "local, all places, 7 x 7": (64, 2, lambda data: LocalDenoiser(data, 7)),
    "local, crops, 7 x 7": (2_000, 4, lambda data: LocalDenoiser(data, 7, False, combine="average")),
    "masked": (2_000, 4, MaskedDenoiser),
}


def calls(name, sigma):
    """The mean, the mean with its backward, and jvp, and with backward in the data, as functions without arguments."""
    n, batch, make = FORMS[name]
    data = images(n)
    denoiser = make(data)
    noise, cotangent, along = (
        torch.randn(batch, 1, 28, 28, generator=torch_stream(k, "benchmark directions")) for k in range(3)
    )
    x, level = data[:batch].repeat(-(-batch // n), 1, 1, 1)[:batch] + sigma * noise, torch.full((batch,), sigma)

    def both(denoiser, *more):
        point, height = x.clone().requires_grad_(), level.clone().requires_grad_()
        return torch.autograd.grad(denoiser(point, height), (point, height, *more), cotangent)

    found = {
        "forward": lambda: denoiser(x, level),
        "both": lambda: both(denoiser),
        "jvp": lambda: torch.func.jvp(denoiser, (x, level), (along, torch.ones_like(level))),
    }
    if isinstance(denoiser, EmpiricalDenoiser | LocalDenoiser | MaskedDenoiser):
        learned = data.clone().requires_grad_()
        live = make(learned)
        found["all"] = lambda: both(live, learned)
    return found


def memory(name, sigma):
    """Print the MiB that each call takes at most while it runs."""
    torch.set_num_threads(1)
    ctypes.CDLL(None).mallopt(-3, 2**16)  # M_MMAP_THRESHOLD: what is freed is given back
    for method in calls(name, sigma).values():
        method()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = peak()
        method()
        print(f"{(peak() - before) / 1024:.0f}")


def peak():
    """The peak of the resident memory, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@pytest.mark.parametrize("sigma", [0.1, 1.0])
@pytest.mark.parametrize("name", FORMS)
def test_derivatives(name, sigma):
    torch.set_num_threads(1)
    methods = calls(name, sigma)
    best = dict.fromkeys(methods, float("inf"))
    for repeat in range(REPEATS + 1):
        for key, method in methods.items():
            start = time.process_time()
            method()
            if repeat:  # the first compiles
                best[key] = min(best[key], time.process_time() - start)
    code = f"import test_derivatives as t; t.memory({name!r}, {sigma})"
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    n, batch, _ = FORMS[name]
    print(
        f"\n| {name} | {n:,} | {batch} | {sigma:g} | {1e3 * best['forward']:.0f} ms | "
        f"{best['both'] / best['forward'] - 1:.1f} | {best['jvp'] / best['forward']:.1f} | "
        f"{best['all'] / best['forward'] - 1 if 'all' in best else float('nan'):.1f} | "
        f"{', '.join(done.stdout.split())} |"
    )
    assert min(best.values()) > 0
