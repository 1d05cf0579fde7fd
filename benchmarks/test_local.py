"""Local optima on 32 x 32 colour images: images per second, next to unfolded patches compared by broadcasting.

pytest benchmarks/test_local.py -s                # one thread; THREADS=2 for two
"""

import os
import time

import pytest
import torch

from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser

THREADS = int(os.environ.get("THREADS", "1"))
N_TRAIN, SIZE, BATCH = 1000, 7, 16


def images(n):
    coarse = torch.randn(n, 3, 8, 8, generator=torch_stream(0, "benchmark images"))
    return torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic") * 0.5


def naive_same_location(data, x, sigma):
    """One image: unfold everything, all squared differences, a softmax for each pixel."""
    patches = torch.nn.functional.unfold(data, SIZE, padding=SIZE // 2)
    query = torch.nn.functional.unfold(x, SIZE, padding=SIZE // 2)
    weights = torch.softmax(-(query - patches).square_().sum(1) / (2 * sigma**2), 0)
    return torch.einsum("np,ncp->cp", weights, data.flatten(2))


def naive_all_locations(data, x, sigma):
    """Unnormalised work of one image: its patches minus all those of each training image, squared."""
    query = torch.nn.functional.unfold(x, SIZE, padding=SIZE // 2)[0]
    for image in torch.nn.functional.unfold(data, SIZE, padding=SIZE // 2):
        for corner in image.unbind(1):
            torch.exp(-(query - corner[:, None]).square_().sum(0) / (2 * sigma**2))


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_same_location(sigma, dtype):
    torch.set_num_threads(THREADS)
    data = images(N_TRAIN).to(dtype)
    x = data[:BATCH] + sigma * torch.randn(BATCH, 3, 32, 32, generator=torch_stream(1, "benchmark"), dtype=dtype)
    denoiser = LocalDenoiser(data, SIZE, equivariant=False)
    ours = min(seconds(lambda: denoiser(x, sigma)) for _ in range(4)) / BATCH
    naive = min(seconds(lambda: naive_same_location(data, x[:1], sigma)) for _ in range(2))
    print(
        f"\nsame location, {dtype}, sigma = {sigma}, {THREADS} thread(s): {1 / ours:.1f} images/s, x{naive / ours:.0f}"
    )
    assert naive / ours > 20


def test_all_locations():
    """50 training images; the cost is proportional to their number."""
    torch.set_num_threads(THREADS)
    data, n, sigma = images(50), 50, 1.0
    x = data[:2] + sigma * torch.randn(2, 3, 32, 32, generator=torch_stream(1, "benchmark"))
    denoiser = LocalDenoiser(data, SIZE)
    denoiser(x, sigma)
    ours = min(seconds(lambda: denoiser(x, sigma)) for _ in range(3)) / 2
    naive = seconds(lambda: naive_all_locations(data[:2], x[:1], sigma)) * n / 2
    print(
        f"\nall locations, {THREADS} thread(s): {ours * N_TRAIN / n:.1f} s per image for {N_TRAIN} training images, "
        f"x{naive / ours:.0f}"
    )


@pytest.mark.skipif("MNIST" not in os.environ, reason="MNIST=FILE names the 60,000 images")
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("sigma", [0.02, 0.2, 2.0, 20.0])
def test_same_location_of_mnist(sigma, size):
    from idealscore.learned.data import load

    torch.set_num_threads(THREADS)
    data = load(os.environ["MNIST"]).images
    x = data[:8] + sigma * torch.randn(8, *data.shape[1:], generator=torch_stream(1, "benchmark"))
    denoiser = LocalDenoiser(data, size, equivariant=False)
    denoiser(x[:1], sigma)
    ours = min(seconds(lambda: denoiser(x, sigma)) for _ in range(2)) / len(x)
    exact = LocalDenoiser(data.double(), size, equivariant=False)(x[:1].double(), sigma)
    error = float((denoiser(x[:1], sigma).double() - exact).norm() / exact.norm())
    print(f"\nMNIST, {size} x {size}, sigma = {sigma}, {THREADS} thread(s): {1 / ours:.1f} images/s, error {error:.1e}")
    assert error < 1e-5
