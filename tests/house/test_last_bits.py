"""The option --last-bits: another machine's last bits, always the same ones, and exact results stay exact."""

import math

import numpy as np
import pytest
import torch
from last_bits import NumpyMachine, machine

ARRAY = np.random.default_rng(0).normal(size=(20, 30))
X = torch.from_numpy(ARRAY)
COVARIANCE = torch.eye(30, dtype=torch.float64) + X.mT @ X
RESULTS = {
    "exp": lambda: X.exp(),
    "softmax": lambda: X.softmax(-1),
    "sum": lambda: X.sum(-1),
    "mean": lambda: X.mean(),
    "product": lambda: X @ X.mT,
    "einsum": lambda: torch.einsum("ij,kj->ik", X, X),
    "cumsum": lambda: X.cumsum(-1),
    "eigenvalues": lambda: torch.linalg.eigvalsh(COVARIANCE),
    "inverse": lambda: torch.linalg.inv(COVARIANCE),
    "float32": lambda: X.float().exp(),
    "inference": lambda: torch.inference_mode()(lambda: X @ X.mT)(),
    "vmap": lambda: torch.vmap(torch.exp)(X),
    "gradient": lambda: torch.func.grad(lambda x: x.exp().sum())(X),
    "numpy exp": lambda: np.exp(ARRAY),
    "numpy sum": lambda: np.sum(ARRAY, axis=1),
    "numpy mean": lambda: ARRAY.mean(),
    "numpy product": lambda: np.dot(ARRAY, ARRAY.T),
    "numpy einsum": lambda: np.einsum("ij,kj->ik", ARRAY, ARRAY),
    "numpy eigenvalues": lambda: np.linalg.eigvalsh(COVARIANCE.numpy()),
    "numpy singular values": lambda: np.linalg.svd(ARRAY)[1],
    "math": lambda: [math.exp(x) for x in ARRAY[0]],
}
EXACT = {
    "count": lambda: (X > 0).double().mean(),
    "integers": lambda: torch.arange(12.0).reshape(3, 4) @ torch.arange(8.0).reshape(4, 2),
    "exp(0)": lambda: torch.zeros(3).exp(),
    "saturated": lambda: torch.full((3,), 40.0).tanh(),
    "uniform": lambda: torch.zeros(4).softmax(-1),
    "square": lambda: X**2,
    "root": lambda: X.abs().sqrt(),
    "numpy count": lambda: np.mean(ARRAY > 0),
    "numpy cumsum": lambda: np.cumsum(np.arange(7.0)),
}


def on(seed, compute):
    """`compute` on the other machine `seed`, as bits."""
    other = NumpyMachine(seed)
    other.install()
    try:
        with machine(seed):
            return np.asarray(compute()).copy()
    finally:
        other.remove()


@pytest.fixture(autouse=True)
def _on_this_machine(request):
    if request.config.getoption("--last-bits") is not None:
        pytest.skip("the tests of the machines run on this machine")


@pytest.mark.parametrize("name", RESULTS)
def test_last_bits_change_and_repeat(name):
    here = np.asarray(RESULTS[name]())
    found = [on(seed, RESULTS[name]) for seed in (1, 2, 1)]
    assert np.array_equal(found[0], found[2]) and not np.array_equal(found[0], found[1])
    eps = np.finfo(here.dtype).eps
    for there in found:
        assert there.dtype == here.dtype and not np.array_equal(there, here)
        assert np.abs(there - here).max() <= 200 * eps * np.abs(here).max()


@pytest.mark.parametrize("name", EXACT)
def test_what_is_exact_on_every_machine_stays(name):
    for seed in (1, 2, 3):
        assert np.array_equal(on(seed, EXACT[name]), np.asarray(EXACT[name]()))


def test_a_batch_is_its_rows_where_each_row_is_summed_alone():
    assert np.array_equal(on(1, lambda: X.exp().sum(-1))[3:5], on(1, lambda: X[3:5].exp().sum(-1)))


def test_a_computed_eigenvalue_is_not_one():
    projector = torch.full((3, 3), 1 / 3, dtype=torch.float64)
    assert not all(on(seed, lambda: torch.linalg.eigvalsh(projector))[-1] == 1.0 for seed in range(8))


def test_autograd_and_the_compiler_run():
    x = X.clone().requires_grad_()
    with machine(1):
        x.softmax(-1).log().sum().backward()
        compiled = torch.compile(torch.exp, backend="eager")(X)
    assert x.grad is not None and torch.isfinite(x.grad).all() and torch.allclose(compiled, X.exp())
