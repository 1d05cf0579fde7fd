"""The kernels of the first derivatives against the smooth mean that is differentiated step by step."""

from functools import partial
from itertools import product

import pytest
import torch
from torch.func import jacfwd, jacrev, jvp, vjp, vmap

from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, MaskedDenoiser, _kernels, posterior, same_location
from idealscore.theory.local.streaming import directional

F64 = torch.float64
LANES = _kernels.LANES
LEVELS = torch.tensor([0.02, 0.1, 0.5, 2.0, 20.0], dtype=F64)

# torch's own forward mode, at its first use
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch_stream(seed, "test local slopes"), dtype=F64)


def pictures(n, channels, height, width, halves=True):
    """Images with an empty border, with `halves` a third of them with an empty upper half, some of them twice: groups
    are alike in some windows, and full or not."""
    images = torch.zeros(n, channels, height, width, dtype=F64)
    images[:, :, 1:-1, 1:-1] = normal(n, channels, height - 2, width - 2)
    if halves:
        images[::3, :, : height // 2] = 0
    images[n // 2 : n // 2 + 10] = images[:10]
    return images


def directions(x, data):
    """A gradient of the result, and tangents of x, sigma and the data."""
    tangents = normal(*x.shape, seed=3), normal(len(x), seed=4), normal(*data.shape, seed=6)
    return normal(*x.shape, seed=2), tangents


def fast(make, x, sigma, data, cotangent, tangents):
    """Gradients in x, sigma and the data, and the derivatives along a direction of the first two and of all three, of
    the denoiser as it is called."""
    point, moved = (x, sigma, data), tuple(part.to(x) for part in tangents)

    def mean(x, sigma, data):
        return make(data)(x, sigma)

    some = jvp(lambda x, sigma: mean(x, sigma, data), point[:2], moved[:2])[1]
    in_x = vjp(lambda x: mean(x, sigma, data), x)[1](cotangent.to(x))[0]
    gradients = vjp(mean, *point)[1](cotangent.to(x))
    torch.testing.assert_close(gradients[0], in_x)
    return *gradients, some, jvp(mean, point, moved)[1]


def slow(engine, x, sigma, data, cotangent, tangents):
    """The same in float64 without the kernels."""
    point = x.double(), sigma.double(), data.double()
    mean = partial(posterior._smooth, engine, engine.fast(*point)[1])
    some = directional(lambda *moving: mean(*moving, point[2]), point[:2], tangents[:2])
    return *vjp(mean, *point)[1](cotangent), some, directional(mean, point, tangents)


def error(found, expected):
    """The largest error of a row, relative to its norm or to 1, where it is more: that of the directions is about 5."""
    pairs = [(a.double().reshape(len(a), -1), b.reshape(len(b), -1)) for a, b in zip(found, expected, strict=True)]
    return max(float(((a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1)).max()) for a, b in pairs)


def cases():
    """Large windows from everywhere on a torus take longer than all others together."""
    shapes = (((2 * LANES + 2, 2, 4, 5), 3), ((LANES + 6, 1, 5, 4), 1), ((66, 3, 6, 7), 5), ((LANES + 2, 1, 6, 6), 6))
    for (shape, size), equivariant, padding in product(shapes, (False, True), ("zeros", "circular")):
        long = size > 3 and equivariant and padding == "circular"
        yield pytest.param(shape, size, equivariant, padding, marks=[pytest.mark.slow] if long else [])


@pytest.mark.parametrize(("shape", "size", "equivariant", "padding"), list(cases()))
def test_kernels_agree_with_the_smooth_mean(shape, size, equivariant, padding):
    """Windows of one pixel up to more than the image, one to three channels, duplicates, all noise levels."""
    if size == 6:
        size = 5 if padding == "circular" else 11
    data = pictures(min(shape[0], LANES + 2) if equivariant else shape[0], *shape[1:])
    x = data[[0, 20, 40, 60, 5]] + LEVELS[:, None, None, None] * normal(5, *shape[1:], seed=1)
    for dtype, bound in ((F64, 1e-11), (torch.float32, 2e-5)):
        arguments = x.to(dtype), LEVELS.to(dtype), data.to(dtype), *directions(x, data)
        found = fast(lambda data: LocalDenoiser(data, size, equivariant, padding=padding), *arguments)
        assert all(part.dtype == dtype for part in found)
        engine = LocalDenoiser(data, size, equivariant, padding=padding)._engine(size)
        assert error(found, slow(engine, *arguments)) < bound


@pytest.mark.parametrize("size", [1, 2, 4])
def test_crops_agree_with_the_smooth_mean(size):
    data = pictures(LANES + 6, 2, 5, 4)
    x = data[[0, 20, 40, 60, 5]] + LEVELS[:, None, None, None] * normal(5, 2, 5, 4, seed=1)
    for dtype, bound in ((F64, 1e-11), (torch.float32, 2e-5)):
        arguments = x.to(dtype), LEVELS.to(dtype), data.to(dtype), *directions(x, data)
        found = fast(lambda data: LocalDenoiser(data, size, False, combine="average", block_size=30), *arguments)
        engine = LocalDenoiser(data, size, False, combine="average", block_size=30)._engine(size)
        assert error(found, slow(engine, *arguments)) < bound


def test_masks_agree_with_the_smooth_mean():
    """In float32 the first row is computed in float64, the others are not."""
    data, mask = pictures(LANES + 2, 1, 5, 6).flatten(1), torch.tril(torch.ones(30, 30)).roll(4, 1)
    x = data[[0, 20, 40, 60, 5]] + LEVELS[:, None] * normal(5, 30, seed=1)
    x[:2] += 0.5 * normal(2, 30, seed=5)
    for dtype, bound in ((F64, 1e-11), (torch.float32, 2e-5)):
        point, levels, images, (cotangent, tangents) = (
            x.to(dtype),
            LEVELS.to(dtype),
            data.to(dtype),
            directions(x, data),
        )
        found = fast(lambda data: MaskedDenoiser(data, mask, block_size=50), point, levels, images, cotangent, tangents)
        point, images, g, v, dy = (part[:, None, :, None] for part in (point, images, cotangent, *tangents[::2]))
        engine = MaskedDenoiser(data, mask, block_size=50)._engine(0.0)
        assert error(found, slow(engine, point, levels, images, g, (v, tangents[1], dy))) < bound


@pytest.mark.parametrize("equivariant", [False, True])
def test_shares_of_rows_give_the_same(equivariant):
    """Three images on two threads are cut into bands of rows, whose windows overlap."""
    data = pictures(LANES + 2, 2, 7, 6)
    x = data[:3] + 0.5 * normal(3, 2, 7, 6, seed=1)
    arguments = (
        partial(LocalDenoiser, patch_size=5, equivariant=equivariant),
        x,
        LEVELS[1:4],
        data,
        *directions(x, data),
    )
    before = torch.get_num_threads()
    try:
        results = [torch.set_num_threads(threads) or fast(*arguments) for threads in (1, 2)]
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-12)


def test_the_first_derivative_takes_the_kernel_and_the_second_the_smooth_mean(monkeypatch):
    data = pictures(LANES + 6, 1, 4, 4)
    x, sigma = (data[:2] + 0.3).requires_grad_(), LEVELS[2:4].clone().requires_grad_()
    denoiser, calls = LocalDenoiser(data, 3, False), []
    smooth = same_location.SameLocation.smooth
    monkeypatch.setattr(same_location.SameLocation, "smooth", lambda *a: calls.append(1) or smooth(*a))
    first = torch.autograd.grad(denoiser(x, sigma).square().sum(), (x, sigma), create_graph=True)
    jvp(denoiser, (x.detach(), sigma.detach()), (normal(*x.shape), normal(2)))
    live = data.clone().requires_grad_()
    torch.autograd.grad(LocalDenoiser(live, 3, False)(x, sigma).sum(), (x, live))
    jvp(lambda data: LocalDenoiser(data, 3, False)(x.detach(), 0.5), (data,), (normal(*data.shape),))
    assert not calls
    torch.autograd.grad(first[0].sum() + first[1].sum(), (x, sigma))
    assert calls


def test_gradients_of_many_images_are_those_of_finite_differences():
    data = pictures(200, 1, 6, 6)
    x = data[:1] + 0.4 * normal(1, 1, 6, 6, seed=1)
    point, (cotangent, tangents) = (x, LEVELS[2:3], data), directions(x, data)
    h, ends = 1e-5, []
    for step in (h, -h):
        near = [part + step * moved for part, moved in zip(point, tangents, strict=True)]
        ends.append(LocalDenoiser(near[2], 3, False)(*near[:2]))
    *gradients, _, moved = fast(lambda data: LocalDenoiser(data, 3, False), *point, cotangent, tangents)
    torch.testing.assert_close(moved, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-7)
    product = sum((part * along).sum() for part, along in zip(gradients, tangents, strict=True))
    torch.testing.assert_close(product, (cotangent * moved).sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize("equivariant", [False, True])
def test_no_derivative_is_lost_at_the_ends_of_the_noise(equivariant, dtype):
    """One image or two equal ones have all the weight, or all the same: nothing moves but with the data."""
    data, mask = pictures(LANES + 2, 1, 5, 5).to(dtype), torch.tril(torch.ones(25, 25))
    sigma = torch.tensor([0.0, 1e-200, 1e-9, 1e12, torch.inf], dtype=F64).to(dtype)
    x, (cotangent, tangents) = data[[0, 33, 20, 60, 5]], directions(data[:5], data)
    for make in (lambda data: LocalDenoiser(data, 3, equivariant), lambda data: MaskedDenoiser(data, mask)):
        in_x, in_sigma, in_data, some, moved = fast(make, x, sigma, data, cotangent, tangents)
        for part in (in_x, in_sigma, some):
            assert part.isfinite().all() and float(part.abs().max()) < 1e-9
        near = 1e-4 if dtype == torch.float32 else 1e-11
        torch.testing.assert_close(in_data.double().sum(), cotangent.sum(), rtol=near, atol=near)
        torch.testing.assert_close((in_data * tangents[2]).sum(), (moved * cotangent).sum(), rtol=near, atol=near)


@pytest.mark.parametrize("sigma", [1e-12, 1e-18, 1e-22])
def test_an_image_is_denoised_to_itself_where_single_precision_does_not_hold_the_rate(sigma):
    data, mask = pictures(LANES + 6, 1, 5, 5).float(), torch.ones(25, 25)
    for denoiser in (LocalDenoiser(data, 3, False), LocalDenoiser(data, 3), MaskedDenoiser(data, mask)):
        x = data[[20]].clone().requires_grad_()
        value = denoiser(x, sigma)
        assert torch.equal(value, x)
        assert float(torch.autograd.grad(value.sum(), x)[0].abs().max()) < 1e-9


@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_without_noise_the_mean_moves_with_the_nearest_images(dtype):
    """All that are equal in what is seen share the weight, in the smooth mean too."""
    data, place = pictures(LANES + 6, 1, 5, 5, halves=False).to(dtype), torch.arange(25)
    rows, columns = ((part[:, None] - part).abs() <= 1 for part in (place // 5, place % 5))
    x, (cotangent, tangents) = data[[0, 20, 5]], directions(data[:3], data)
    lower = torch.tril(torch.ones(25, 25))
    makers = [(lambda data, e=e: LocalDenoiser(data, 3, e), (rows & columns).to(dtype)) for e in (False, True)]
    for make, mask in (*makers, (lambda data: MaskedDenoiser(data, lower), lower)):
        seen = mask * (x.reshape(3, 1, 1, 25) - data.reshape(LANES + 6, 1, 25)).abs()
        w = (seen.sum(3) == 0).double()
        w /= w.sum(1, keepdim=True)
        expected = (
            torch.einsum("bnd,bd->nd", w, cotangent.flatten(1)).reshape(data.shape),
            torch.einsum("bnd,nd->bd", w, tangents[2].flatten(1)).reshape(x.shape),
        )
        _, _, in_data, _, moved = fast(make, x, torch.zeros(3, dtype=dtype), data, cotangent, tangents)
        assert error((in_data, moved), expected) < (1e-12 if dtype == F64 else 1e-6)
        if isinstance(make(data), LocalDenoiser):
            arguments = x, torch.zeros(3, dtype=dtype), data, cotangent, tangents
            assert error(slow(make(data.double())._engine(3), *arguments)[2:5:2], expected) < 1e-12


@pytest.mark.parametrize("equivariant", [False, True])
def test_rows_of_vmap_have_gradients_in_the_data_of_their_own(equivariant):
    data = pictures(20, 1, 3, 3)
    x, g = data[:4] + 0.5 * normal(4, 1, 3, 3, seed=1), normal(4, 1, 3, 3, seed=2)

    def pulled(point, g):
        return vjp(lambda data: LocalDenoiser(data, 3, equivariant)(point[None], 0.7)[0], data)[1](g)[0]

    def mean(data):
        return LocalDenoiser(data, 3, equivariant)(x[:1], 0.7)[0, 0, 1]

    each = torch.stack([pulled(*pair) for pair in zip(x, g, strict=True)])
    torch.testing.assert_close(vmap(pulled)(x, g), each, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(vmap(pulled, (None, 0))(x[0], g)[:1], each[:1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(jacrev(mean)(data), jacfwd(mean)(data), rtol=1e-11, atol=1e-12)


def test_a_sampled_mean_has_the_derivatives_of_the_exact_one(monkeypatch):
    from idealscore.theory.local import sampled

    monkeypatch.setattr(sampled, "AFFORDABLE", 0)
    data = pictures(LANES + 2, 1, 8, 8)
    x = data[:2] + 0.5 * normal(2, 1, 8, 8, seed=1)
    arguments = x, LEVELS[2:4], data, *directions(x, data)
    found, expected = (fast(partial(LocalDenoiser, patch_size=3, tolerance=t), *arguments) for t in (0.2, 0.0))
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
