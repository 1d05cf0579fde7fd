"""The kernels of the first derivatives against the smooth mean that is differentiated step by step."""

import pytest
import torch
from torch.func import jvp, vjp

from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, MaskedDenoiser, posterior, same_location
from idealscore.theory.local.streaming import directional

F64 = torch.float64
LEVELS = torch.tensor([0.02, 0.1, 0.5, 2.0, 20.0], dtype=F64)

# torch's own forward mode, at its first use
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch_stream(seed, "test local slopes"), dtype=F64)


def pictures(n, channels, height, width):
    """Images with an empty border, some of them twice: groups are alike in some windows, and full or not."""
    images = torch.zeros(n, channels, height, width, dtype=F64)
    images[:, :, 1:-1, 1:-1] = normal(n, channels, height - 2, width - 2)
    images[n // 2 : n // 2 + 10] = images[:10]
    return images


def directions(x):
    """A gradient of the result, and tangents of x and sigma."""
    return normal(*x.shape, seed=2), normal(*x.shape, seed=3), normal(len(x), seed=4)


def fast(denoiser, x, sigma, cotangent, along, level):
    """Gradients in x and sigma, and the derivative along a direction, of the denoiser as it is called."""
    gradients = vjp(denoiser, x, sigma)[1](cotangent.to(x))
    return *gradients, jvp(denoiser, (x, sigma), (along.to(x), level.to(x)))[1]


def slow(engine, data, x, sigma, cotangent, along, level):
    """The same in float64 without the kernels."""
    point = x.double(), sigma.double()
    low = engine.fast(*point, data)[1]

    def mean(x, sigma):
        return posterior._smooth(engine, x, sigma, data, low)

    return *vjp(mean, *point)[1](cotangent), directional(mean, point, (along, level))


def error(found, expected):
    """The largest error of a row, relative to its norm or to 1, where it is more: that of the directions is about 5."""
    pairs = [(a.double().reshape(len(a), -1), b.reshape(len(b), -1)) for a, b in zip(found, expected, strict=True)]
    return max(float(((a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1)).max()) for a, b in pairs)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize(
    ("shape", "size"), [((130, 2, 4, 5), 3), ((70, 1, 5, 4), 1), ((66, 3, 6, 7), 5), ((130, 1, 6, 6), 6)]
)
def test_kernels_agree_with_the_smooth_mean(shape, size, equivariant, padding):
    """Windows of one pixel up to more than the image, one to three channels, duplicates, all noise levels."""
    if size == 6:
        size = 5 if padding == "circular" else 11
    data = pictures(min(shape[0], 66) if equivariant else shape[0], *shape[1:])
    x = data[[0, 20, 40, 60, 5]] + LEVELS[:, None, None, None] * normal(5, *shape[1:], seed=1)
    for dtype, bound in ((F64, 1e-11), (torch.float32, 2e-5)):
        denoiser = LocalDenoiser(data.to(dtype), size, equivariant, padding=padding)
        arguments = x.to(dtype), LEVELS.to(dtype), *directions(x)
        found = fast(denoiser, *arguments)
        assert all(part.dtype == dtype for part in found)
        assert error(found, slow(denoiser._engine(size), denoiser.data, *arguments)) < bound


def test_masks_agree_with_the_smooth_mean():
    """In float32 the first row is computed in float64, the others are not."""
    data, mask = pictures(130, 1, 5, 6).flatten(1), torch.tril(torch.ones(30, 30)).roll(4, 1)
    x = data[[0, 20, 40, 60, 5]] + LEVELS[:, None] * normal(5, 30, seed=1)
    x[:2] += 0.5 * normal(2, 30, seed=5)
    for dtype, bound in ((F64, 1e-11), (torch.float32, 2e-5)):
        denoiser = MaskedDenoiser(data.to(dtype), mask, block_size=50)
        levels, (cotangent, along, level) = LEVELS.to(dtype), directions(x)
        found = fast(denoiser, x.to(dtype), levels, cotangent, along, level)
        point, pixels, g, v = (part[:, None, :, None] for part in (x.to(dtype), denoiser.data, cotangent, along))
        assert error(found, slow(denoiser._engine(0.0), pixels, point, levels, g, v, level)) < bound


@pytest.mark.parametrize("equivariant", [False, True])
def test_shares_of_rows_give_the_same(equivariant):
    """Three images on two threads are cut into bands of rows, whose windows overlap."""
    data = pictures(66, 2, 7, 6)
    x = data[:3] + 0.5 * normal(3, 2, 7, 6, seed=1)
    arguments = LocalDenoiser(data, 5, equivariant), x, LEVELS[1:4], *directions(x)
    before = torch.get_num_threads()
    try:
        results = [torch.set_num_threads(threads) or fast(*arguments) for threads in (1, 2)]
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-12)


def test_the_first_derivative_takes_the_kernel_and_the_second_the_smooth_mean(monkeypatch):
    data = pictures(70, 1, 4, 4)
    x, sigma = (data[:2] + 0.3).requires_grad_(), LEVELS[2:4].clone().requires_grad_()
    denoiser, calls = LocalDenoiser(data, 3, False), []
    smooth = same_location.SameLocation.smooth
    monkeypatch.setattr(same_location.SameLocation, "smooth", lambda *a: calls.append(1) or smooth(*a))
    first = torch.autograd.grad(denoiser(x, sigma).square().sum(), (x, sigma), create_graph=True)
    jvp(denoiser, (x.detach(), sigma.detach()), (normal(*x.shape), normal(2)))
    assert not calls
    torch.autograd.grad(first[0].sum() + first[1].sum(), (x, sigma))
    assert calls


def test_gradients_of_many_images_are_those_of_finite_differences():
    data = pictures(200, 1, 6, 6)
    x = data[:1] + 0.4 * normal(1, 1, 6, 6, seed=1)
    denoiser, sigma, (cotangent, along, level) = LocalDenoiser(data, 3, False), LEVELS[2:3], directions(x)
    h = 1e-5
    ends = [denoiser(x + step * along, sigma + step * level) for step in (h, -h)]
    in_x, in_sigma, moved = fast(denoiser, x, sigma, cotangent, along, level)
    torch.testing.assert_close(moved, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-7)
    product = (in_x * along).sum() + (in_sigma * level).sum()
    torch.testing.assert_close(product, (cotangent * moved).sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize("equivariant", [False, True])
def test_no_derivative_is_lost_at_the_ends_of_the_noise(equivariant, dtype):
    """One image or two equal ones have all the weight: whatever 1 / sigma^2 is, nothing moves."""
    data = pictures(66, 1, 5, 5).to(dtype)
    sigma = torch.tensor([0.0, 1e-200, 1e-9, 1e12, torch.inf], dtype=F64).to(dtype)
    x = data[[0, 33, 20, 60, 5]]
    for denoiser in (LocalDenoiser(data, 3, equivariant), MaskedDenoiser(data, torch.tril(torch.ones(25, 25)))):
        for part in fast(denoiser, x, sigma, *directions(x)):
            assert part.isfinite().all() and float(part.abs().max()) < 1e-9


def test_a_sampled_mean_has_the_derivatives_of_the_exact_one(monkeypatch):
    from idealscore.theory.local import sampled

    monkeypatch.setattr(sampled, "AFFORDABLE", 0)
    data = pictures(66, 1, 8, 8)
    x = data[:2] + 0.5 * normal(2, 1, 8, 8, seed=1)
    arguments = x, LEVELS[2:4], *directions(x)
    found, expected = (fast(LocalDenoiser(data, 3, tolerance=t), *arguments) for t in (0.2, 0.0))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_windows_as_large_as_the_image_at_large_noise():
    """Where squares are multiplied out, |x|^2 / 2 sigma^2 is more than a float64 exponential holds."""
    data = normal(3, 3, 24, 24).float()
    x, live = (data[:1] + 20).requires_grad_(), data.clone().requires_grad_()
    in_x, in_data = torch.autograd.grad(LocalDenoiser(live, 47, False)(x, 0.5).sum(), (x, live))
    noisy = (data[:1] + 30 * normal(1, 3, 24, 24, seed=1).float()).requires_grad_()
    more = torch.autograd.grad(LocalDenoiser(live, 47, False)(noisy, 30.0).sum(), (noisy, live))
    for part in (in_x, in_data, *more):
        assert part.isfinite().all()
    torch.testing.assert_close(more[1].sum(), torch.tensor(float(noisy.numel())) - more[0].sum(), rtol=1e-4, atol=1e-2)
