"""Schedules for the covariance of CIFAR-10, with 3,072 eigenvalues: the table of docs/theory/schedules.md, the time.

CIFAR=FILE pytest benchmarks/test_schedules.py -s    # FILE: the 50,000 training images, anything that `load` reads
MNIST=FILE pytest benchmarks/test_schedules.py -s    # the same comparison on the 60,000 digits
"""

import os
import time

import pytest

from idealscore.learned.data import load
from idealscore.theory import GaussianDenoiser
from idealscore.theory.schedules import named_schedules, optimal_schedule, sampling_error

STEPS = (5, 10, 18, 40)
TABLE = {  # (Karras, optimal) for each of STEPS
    "euler": ((0.408, 0.292), (0.20944, 0.15749), (0.11734, 0.09117), (0.05307, 0.04252)),
    "heun": ((0.814, 0.209), (0.12904, 0.05678), (0.03293, 0.01949), (0.00588, 0.00412)),
}
COSINE = 0.336
LONGEST = 5.0  # seconds for 18 steps


def spectrum(variable):
    if variable not in os.environ:
        pytest.skip(f"{variable}=FILE names the images")
    return GaussianDenoiser.fit(load(os.environ[variable]).images).covariance.spectrum.flip(0)


@pytest.fixture(scope="module")
def cifar():
    return spectrum("CIFAR")


def compared(c, solver):
    for steps in STEPS:
        errors = {name: sampling_error(c, grid, solver) for name, grid in named_schedules(c, steps, solver).items()}
        print(f"\n{solver}, N = {steps}: " + ", ".join(f"{name} {error:.5f}" for name, error in errors.items()))
        assert errors["optimal"] == min(errors.values())
        yield errors


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_table_of_cifar(cifar, solver):
    for errors, (karras, best) in zip(compared(cifar, solver), TABLE[solver], strict=True):
        assert errors["karras"] == pytest.approx(karras, abs=0.51e-3 if karras > 0.3 else 0.51e-5)
        assert errors["optimal"] == pytest.approx(best, abs=0.51e-3 if best > 0.2 else 0.51e-5)


def test_cosine_on_cifar(cifar):
    assert sampling_error(cifar, named_schedules(cifar, 10)["cosine"]) == pytest.approx(COSINE, abs=5e-4)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_the_optimum_on_mnist(solver):
    assert all(errors["optimal"] < errors["karras"] for errors in compared(spectrum("MNIST"), solver))


@pytest.mark.parametrize("solver", ["euler", "heun", "ddpm"])
def test_time_of_eighteen_steps(cifar, solver):
    start = time.perf_counter()
    optimal_schedule(cifar, 18, solver)
    taken = time.perf_counter() - start
    print(f"\n18 steps of {solver}, {len(cifar)} eigenvalues: {taken:.2f} s")
    assert taken < LONGEST
