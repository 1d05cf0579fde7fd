"""Two hundred calls take no more memory than a few, as Python (tracemalloc) and as the system (RSS) count it."""

import gc
import subprocess
import sys

import pytest

CALLS = 200
MEASURE = """
import gc, sys, tempfile, tracemalloc, warnings
from pathlib import Path
import torch
torch.set_num_threads(1)
warnings.simplefilter("ignore")
from idealscore import sweep
from idealscore.compare import Comparison, compare
from idealscore.learned.data import load
from idealscore.learned.networks import LinearDenoiser, MLPDenoiser, UNetDenoiser
from idealscore.theory import EmpiricalDenoiser, FiniteSampleDenoiser, GaussianDenoiser, LocalDenoiser
from idealscore.theory import MaskedDenoiser, MixtureDenoiser
from idealscore.theory.percolation import giant_component

digits = load("digits").subset(60)
training, held_out = digits.split(0.5, seed=0)
images, x = training.images, held_out.images[:4]
folder = Path(tempfile.mkdtemp())
tiny = Comparison(levels=2, n_images=2, n_noise=1, theories=("gaussian",))

def swept():
    import shutil
    sweep(giant_component, {"degrees": [0.5, 2.0]}, folder / "s", workers=0, show=False)
    shutil.rmtree(folder / "s")

def called(denoiser):
    return lambda: denoiser(x, 0.7)

jobs = {
    "empirical": lambda: called(EmpiricalDenoiser(images)),
    "gaussian": lambda: called(GaussianDenoiser.fit(images)),
    "mixture": lambda: called(MixtureDenoiser.fit(images, n_components=2)),
    "finite sample": lambda: called(FiniteSampleDenoiser.fit(digits.images, 20)),
    "masked": lambda: called(MaskedDenoiser(images)),
    "local": lambda: called(LocalDenoiser(images, 3)),
    "mlp": lambda: called(MLPDenoiser((1, 8, 8), width=16)),
    "unet": lambda: called(UNetDenoiser((1, 8, 8), width=8, multipliers=(1,), blocks=1)),
    "linear": lambda: called(LinearDenoiser((1, 8, 8))),
    "sweep": lambda: swept,
    "comparison": lambda: lambda: compare(GaussianDenoiser.fit(images), training, held_out, tiny, show=False),
}

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def measured(call):
    gc.collect()
    return tracemalloc.get_traced_memory()[0], resident()

call = jobs[sys.argv[1]]()
tracemalloc.start()
for _ in range(100):  # caches fill, allocators settle
    call()
before = measured(call)
for _ in range(int(sys.argv[2])):
    call()
after = measured(call)
print(*before, *after)
"""
JOBS = (
    "empirical",
    "gaussian",
    "mixture",
    "finite sample",
    "masked",
    "local",
    "mlp",
    "unet",
    "linear",
    "sweep",
    "comparison",
)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_two_hundred_calls_do_not_grow(job, capsys):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, job, str(CALLS)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    held, resident, held_after, resident_after = map(int, done.stdout.split())
    with capsys.disabled():
        grown = f"{held_after - held:+d} of {held} B (Python), {resident_after - resident:+d} of {resident} B (RSS)"
        print(f"\n{job}: {grown}")
    # what Python traces is a few hundred kB where the libraries were loaded before; 50 kB are 250 B a call
    assert held_after - held <= max(0.01 * held, 50_000)
    assert resident_after <= 1.01 * resident


def test_what_grows_is_seen():
    """The measure itself, on a list that keeps a kilobyte a call."""
    import tracemalloc

    tracemalloc.start()
    try:
        gc.collect()
        before, kept = tracemalloc.get_traced_memory()[0], []
        for _ in range(CALLS):
            kept.append(bytes(1024))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before > 50_000
    finally:
        tracemalloc.stop()
