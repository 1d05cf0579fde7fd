"""What n images teach, from a spectrum of 3,072 eigenvalues (CIFAR-10's number): level, errors and cosine together.

pytest benchmarks/test_finite_sample.py -s
"""

import time

import numpy as np
import pytest

from idealscore.theory.finite_sample import errors, kappa, sample_cosine

LONGEST = 0.050  # seconds, the best of REPEATS
REPEATS = 20
SPECTRUM = np.arange(1, 3073, dtype=float) ** -1.5


@pytest.mark.parametrize("n", [256, 3072, 50000])
def test_level_errors_and_cosine_take_fifty_milliseconds(n):
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        level, found, cosine = kappa(SPECTRUM, n, 0.5), errors(SPECTRUM, n, 0.5), sample_cosine(SPECTRUM, n)
        taken.append(time.perf_counter() - started)
        assert level == pytest.approx(found.kappa) and 0 < cosine < 1
    print(f"\nn = {n}: {1e3 * min(taken):.1f} ms (median {1e3 * float(np.median(taken)):.1f})")
    assert min(taken) <= LONGEST
