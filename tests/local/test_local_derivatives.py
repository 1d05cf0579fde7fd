"""Derivatives of the local optima in x, sigma and the data, to second order, by backward() and by torch.func."""

import pytest
import torch
from torch.func import hessian, jacfwd, jacrev, jvp, vmap

from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, MaskedDenoiser
from idealscore.theory.local.streaming import Step, over_blocks

F64 = torch.float64

# torch's own forward mode, at its first use
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch_stream(seed, "test local derivatives"), dtype=F64)


MAKERS = {
    "same location": lambda data: LocalDenoiser(data, 3, False, block_size=2),
    "same location, wrapped": lambda data: LocalDenoiser(data, 3, False, padding="circular", block_size=2),
    "same location, crops": lambda data: LocalDenoiser(data, 2, False, combine="average", block_size=2),
    "all locations": lambda data: LocalDenoiser(data, 3, block_size=2),
    "all locations, crops": lambda data: LocalDenoiser(data, 2, combine="average"),
    "masks": lambda data: MaskedDenoiser(data, torch.tril(torch.ones(9, 9)), block_size=2),
    "masks of sigma": lambda data: MaskedDenoiser(data),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_gradients_are_those_of_finite_differences(make):
    """First order by backward() and by forward mode, second order by backward() twice."""
    x, data, sigma = normal(2, 1, 3, 3, seed=1), normal(5, 1, 3, 3), torch.tensor([0.7, 1.1], dtype=F64)
    fixed = make(data.clone()) if make is MAKERS["masks of sigma"] else None  # its masks jump with sigma and the data

    def mean(x, sigma, data):
        return fixed(x, 0.7) if fixed is not None else make(data)(x, sigma)

    inputs = [x.requires_grad_(), sigma.requires_grad_(fixed is None), data.requires_grad_(fixed is None)]
    with torch.random.fork_rng(devices=[]):
        assert torch.autograd.gradcheck(mean, inputs, fast_mode=True, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(mean, inputs, fast_mode=True)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_torch_func_agrees_with_backward(make):
    x, data = normal(2, 1, 3, 3, seed=1), normal(5, 1, 3, 3)
    denoiser = make(data)
    expected = torch.autograd.functional.jacobian(lambda a: denoiser(a, 0.7), x)
    torch.testing.assert_close(jacrev(lambda a: denoiser(a, 0.7))(x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(jacfwd(lambda a: denoiser(a, 0.7))(x), expected, rtol=0, atol=1e-12)
    each = vmap(jacrev(lambda a: denoiser(a[None], 0.7)[0]))(x)
    torch.testing.assert_close(each, torch.stack([expected[i, :, :, :, i] for i in range(2)]), rtol=0, atol=1e-12)
    tangent = jvp(lambda a: denoiser(a, 0.7), (x,), (x,))[1]
    torch.testing.assert_close(tangent, torch.einsum("abcdefgh,efgh->abcd", expected, x), rtol=0, atol=1e-12)


def test_hessian_and_the_jacobian_in_the_data():
    x, data = normal(1, 1, 3, 3, seed=1), normal(5, 1, 3, 3)
    for equivariant in (False, True):
        second = hessian(lambda a, e=equivariant: LocalDenoiser(data, 3, e)(a, 0.7)[0, 0, 1, 1])(x).reshape(9, 9)
        torch.testing.assert_close(second, second.T, rtol=0, atol=1e-12)
        by_data = jacrev(lambda a, e=equivariant: LocalDenoiser(a, 3, e)(x, 0.7))(data)
        # moving x and all data together moves the mean as much
        by_x = jacrev(lambda a, e=equivariant: LocalDenoiser(data, 3, e)(a, 0.7))(x)
        together = by_data.sum((4, 5, 6, 7)) + by_x.sum((4, 5, 6, 7))
        torch.testing.assert_close(together, torch.ones_like(together), rtol=0, atol=1e-12)


def test_data_that_are_learned_in_place_are_read_again():
    data, x = normal(20, 1, 4, 4), normal(2, 1, 4, 4, seed=1)
    for equivariant in (False, True):
        mine = data.clone()
        denoiser = LocalDenoiser(mine, 3, equivariant)
        before = denoiser(x, 0.5)
        mine += 1
        torch.testing.assert_close(
            denoiser(x, 0.5), LocalDenoiser(data + 1, 3, equivariant)(x, 0.5), rtol=0, atol=1e-12
        )
        assert not torch.allclose(denoiser(x, 0.5), before)


def test_derivatives_at_the_ends_of_the_noise_are_finite():
    data, x = normal(4, 1, 3, 3), normal(3, 1, 3, 3, seed=1)
    for equivariant in (False, True):
        point, sigma = x.clone().requires_grad_(), torch.tensor([0.0, 1e-9, 1e9], dtype=F64, requires_grad=True)
        LocalDenoiser(data, 3, equivariant)(point, sigma).sum().backward()
        assert point.grad is not None and sigma.grad is not None
        assert point.grad.isfinite().all() and sigma.grad.isfinite().all()
        assert (point.grad[0] == 0).all() and sigma.grad[0] == 0


def test_sums_over_blocks_do_not_depend_on_the_blocks():
    data, x = normal(7, 1, 2, 2), normal(2, 2, seed=1)

    def f(long, shared):
        (rows,), (point,) = long, shared
        return (rows.sin() * point,), ((rows * point).cos().sum((0, 1)),)

    mine, point = data.clone().requires_grad_(), x.clone().requires_grad_()
    found = []
    for size in (1, 3, 7):
        rows, total = over_blocks(Step(f, 1, 1, size, -4), mine, point)
        first = torch.autograd.grad(rows.square().sum() + total.square().sum(), (mine, point), create_graph=True)
        second = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), (mine, point))
        found.append((rows, total, *first, *second))
    rows, total = (mine.sin() * point), (mine * point).cos().sum((0, 1))
    expected = torch.autograd.grad(rows.square().sum() + total.square().sum(), (mine, point))
    for results in found:
        for ours, theirs in zip(results, (rows, total, *expected, *found[0][4:]), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
