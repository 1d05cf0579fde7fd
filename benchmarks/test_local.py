"""Local optima on 32 x 32 colour images: images per second, next to unfolded patches compared by broadcasting.

pytest benchmarks/test_local.py -s                # one thread; THREADS=2 for two
MNIST=FILE pytest benchmarks/test_local.py -s -k mnist
CIFAR=FILE THREADS=2 pytest benchmarks/test_local.py -s -k cifar
LARGE=1 THREADS=2 pytest "benchmarks/test_local.py::test_images_of_64_pixels[local]" -s   # or [empirical], ...
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
    start = time.process_time()
    denoiser(x, sigma)
    spent = 1e3 * (time.process_time() - start) / len(x)
    exact = LocalDenoiser(data.double(), size, equivariant=False)(x[:1].double(), sigma)
    error = float((denoiser(x[:1], sigma).double() - exact).norm() / exact.norm())
    print(
        f"\nMNIST, {size} x {size}, sigma = {sigma}, {THREADS} thread(s): {1 / ours:.1f} images/s, {spent:.0f} ms of "
        f"CPU time each, error {error:.1e}"
    )
    assert error < 1e-5


def cifar(n=8):
    """The training images that CIFAR names (a file or folder that `load` reads), and some of them noised on demand."""
    from idealscore.learned.data import load

    torch.set_num_threads(THREADS)
    data = load(os.environ["CIFAR"]).images.float()
    return (
        data,
        lambda sigma: data[:n] + sigma * torch.randn(n, *data.shape[1:], generator=torch_stream(1, "benchmark")),
    )


@pytest.mark.skipif("CIFAR" not in os.environ, reason="CIFAR=FILE names the 50,000 images")
@pytest.mark.parametrize("size", [3, 7])
def test_same_location_of_cifar(size):
    data, noised = cifar()
    denoiser = LocalDenoiser(data, size, equivariant=False)
    exact = LocalDenoiser(data.double(), size, equivariant=False)
    for sigma in (0.02, 0.2, 2.0, 20.0):
        x = noised(sigma)
        denoiser(x[:1], sigma)
        pace = len(x) / seconds(lambda x=x, sigma=sigma: denoiser(x, sigma))
        right = exact(x[:1].double(), float(torch.tensor(sigma)))
        error = float((denoiser(x[:1], sigma).double() - right).norm() / right.norm())
        print(
            f"\nCIFAR-10, {size} x {size}, sigma = {sigma}, {THREADS} thread(s): {pace:.1f} images/s, error {error:.1e}"
        )
        assert error < 1e-5


@pytest.mark.skipif("CIFAR" not in os.environ, reason="CIFAR=FILE names the 50,000 images")
@pytest.mark.parametrize(("size", "sigma"), [(3, 0.05), (5, 0.2), (5, 0.5), (9, 1.0), (9, 5.0)])
def test_all_locations_of_cifar(size, sigma):
    """The sampled optimum at a tolerance of 1 %, next to the exact one, on test images; the index is timed apart."""
    data, noised = cifar(3)
    train, x = data[3:], noised(sigma)
    sampled = LocalDenoiser(train, size, tolerance=0.01)
    first = seconds(lambda: sampled(x[:1], sigma))
    start = time.perf_counter()
    found = sampled.estimate(x, sigma)
    pace = len(x) / (time.perf_counter() - start)
    exact = LocalDenoiser(train, size)
    start = time.perf_counter()
    right = exact(x, sigma)
    slow = len(x) / (time.perf_counter() - start)
    error = ((found.mean - right).flatten(1).norm(dim=1) / right.flatten(1).norm(dim=1)).tolist()
    print(
        f"\nCIFAR-10, all places, {size} x {size}, sigma = {sigma}, {THREADS} thread(s): {pace:.3f} images/s, exact "
        f"{slow:.3f}; first call with the index {first:.0f} s; errors {error}, stated {found.relative_error.tolist()}, "
        f"exact where {found.exact.tolist()}"
    )


@pytest.mark.skipif("LARGE" not in os.environ, reason="LARGE=1 takes minutes and several GiB")
@pytest.mark.parametrize("theory", ["empirical", "gaussian", "mixture", "local", "finite-sample", "masked"])
def test_images_of_64_pixels(theory):
    """10,000 colour images of 64 x 64 pixels: time and memory of each closed form; run one theory at a time."""
    from idealscore._support.cost import peak_memory
    from idealscore.theory import EmpiricalDenoiser, FiniteSampleDenoiser, GaussianDenoiser, MixtureDenoiser
    from idealscore.theory.local import MaskedDenoiser

    torch.set_num_threads(THREADS)
    coarse = torch.randn(10_000, 3, 8, 8, generator=torch_stream(0, "benchmark images"))
    data = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear") * 0.5
    data += 0.05 * torch.randn(data.shape, generator=torch_stream(2, "benchmark images"))
    x = data[:4] + torch.randn(4, 3, 64, 64, generator=torch_stream(1, "benchmark"))
    before, start = peak_memory(), time.perf_counter()
    denoiser = {
        "empirical": lambda: EmpiricalDenoiser(data),
        "gaussian": lambda: GaussianDenoiser.fit(data),
        "mixture": lambda: MixtureDenoiser.fit(data, torch.arange(10_000) % 10),
        "local": lambda: LocalDenoiser(data, 7, equivariant=False),
        "finite-sample": lambda: FiniteSampleDenoiser.fit(data, len(data)),
        "masked": lambda: MaskedDenoiser(data),
    }[theory]()
    made = time.perf_counter() - start
    denoiser(x[:1], 1.0)
    each = seconds(lambda: denoiser(x, 1.0)) / len(x)
    print(
        f"\n64 x 64 x 3, 10,000 images, {theory}, {THREADS} thread(s): made in {made:.0f} s, {each:.2f} s an image, "
        f"memory {(peak_memory() - before) / 2**30:.1f} GiB above {before / 2**30:.1f}"
    )
