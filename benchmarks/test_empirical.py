"""The memorising optimum against its floor (its two matrix products), attention, and the naive formula.

    pytest benchmarks/test_empirical.py -s            # one thread; THREADS=2 for two

Times are taken interleaved, best of several, so that ratios survive a busy machine: CPU time with one thread,
wall time with more.
"""

import os
import time

import pytest
import torch

from idealscore._support.streams import torch_stream
from idealscore.theory.empirical import EmpiricalDenoiser

THREADS = int(os.environ.get("THREADS", "1"))
BATCH = 256
clock = time.process_time if THREADS == 1 else time.perf_counter


def sparse_images(n, side=28, channels=1, sparse=True):
    """Smooth blobs on an empty ground (72 % zeros), of the size and variance of handwritten digits."""
    coarse = torch.randn(n, channels, 7, 7, generator=torch_stream(0, "benchmark images"))
    images = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").flatten(1)
    return images.sub_(0.5).clamp_(0, 1) if sparse else images.mul_(0.5)


def interleaved(methods, repeats):
    """Best wall time of each method, taken in turn."""
    best = dict.fromkeys(methods, float("inf"))
    for _ in range(repeats):
        for name, method in methods.items():
            start = clock()
            method()
            best[name] = min(best[name], clock() - start)
    return best


def floor(data, x):
    weights = torch.full((len(x), len(data)), 1 / len(data))

    def products():
        return data @ x.T, weights @ data

    return products


def attention(data, x, sigma):
    bias = -data.square().sum(1) / 2 / sigma**2
    query, key, mask = x[None, None], data[None, None], bias[None, None, None]
    return lambda: torch.nn.functional.scaled_dot_product_attention(query, key, key, mask, scale=1 / sigma**2)


def naive(data, x, sigma):
    return lambda: torch.softmax(-(torch.cdist(x, data) ** 2) / (2 * sigma**2), 1) @ data


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("sigma", [0.1, 0.6, 2.0, 8.0])
def test_digits_scale(sigma):
    data = sparse_images(60_000)
    x = data[:BATCH] + sigma * torch.randn(BATCH, 784, generator=torch_stream(1, "benchmark noise"))
    denoiser = EmpiricalDenoiser(data)
    methods = {"floor": floor(data, x), "ours": lambda: denoiser(x, sigma), "attention": attention(data, x, sigma)}
    best = interleaved(methods, 4) | interleaved({"naive": naive(data, x, sigma)}, 1)
    report(f"60,000 x 784, sigma = {sigma}", best)
    assert best["ours"] <= 1.25 * best["floor"]


@pytest.mark.parametrize("sigma", [0.1, 1.0, 4.0, 20.0])
def test_colour_image_scale(sigma):
    data = sparse_images(50_000, side=32, channels=3, sparse=False)
    x = data[:BATCH] + sigma * torch.randn(BATCH, 3072, generator=torch_stream(1, "benchmark noise"))
    denoiser = EmpiricalDenoiser(data)
    best = interleaved({"floor": floor(data, x), "ours": lambda: denoiser(x, sigma)}, 4)
    report(f"50,000 x 3,072, sigma = {sigma}", best)
    assert best["ours"] <= 1.4 * best["floor"]


def test_extra_memory():
    """Largest sum of live allocations during one call, by the profiler."""
    data = sparse_images(60_000)
    denoiser = EmpiricalDenoiser(data)
    for sigma in (0.1, 0.6, 8.0):
        with torch.profiler.profile(profile_memory=True) as profile:
            denoiser(data[:BATCH] + sigma, sigma)
        live = peak = 0
        kineto = getattr(getattr(profile.profiler, "kineto_results", None), "events", list)()
        assert kineto, "this torch profiles no memory"
        for event in kineto:
            if event.name() == "[memory]":
                live += event.nbytes()
                peak = max(peak, live)
        print(f"\nextra memory at sigma = {sigma}: {peak / 2**20:.0f} MiB")
        assert peak < 256 * 2**20


def report(title, best):
    line = ", ".join(f"{name} {value:.3f} s (x{value / best['floor']:.2f})" for name, value in best.items())
    print(f"\n{title}, batch {BATCH}, {THREADS} thread(s): {line}")
