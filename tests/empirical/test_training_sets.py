"""In memory, on disk, over ranks: one class, and every method and attribute means the same."""

import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.distributed as dist

from idealscore.errors import DeviceMemoryError, NoiseLevelError, WeightsError
from idealscore.theory import EmpiricalDenoiser

from closed_forms import ClosedFormTests

F64 = torch.float64
DATA = (torch.arange(28, dtype=F64).reshape(7, 2, 2) * 0.7).sin()
PRIOR = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.0, 0.25, 0.15], dtype=F64)
X = DATA[:3] + 0.3 * (torch.arange(12, dtype=F64).reshape(3, 2, 2)).cos()


@pytest.fixture(scope="module", autouse=True)
def one_rank():
    store = dist.HashStore()  # pyright: ignore[reportPrivateImportUsage]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def in_memory(data, prior=None):
    return EmpiricalDenoiser(data, prior, block_size=3)


def on_disk(data, prior=None):
    row = 2 * data[0].numel() * (2 * data.element_size() + 3 * data.element_size() + 16)
    return EmpiricalDenoiser.from_disk(data.numpy(), prior, memory_limit=3 * row)


def over_ranks(data, prior=None):
    return EmpiricalDenoiser.sharded(data, prior, block_size=3)


KINDS = [in_memory, on_disk, over_ranks]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


class TestInMemory(ClosedFormTests):
    def make(self):
        return in_memory(DATA)


class TestOnDisk(ClosedFormTests):
    def make(self):
        return on_disk(DATA)


class TestOverRanks(ClosedFormTests):
    def make(self):
        return over_ranks(DATA, PRIOR)


def test_it_is_the_same_class_with_the_same_attributes(kind):
    for prior in (None, PRIOR):
        denoiser = kind(DATA, prior)
        assert type(denoiser) is EmpiricalDenoiser
        assert (denoiser.n, denoiser.event_shape, denoiser.block_size) == (7, (2, 2), 3)
        assert (denoiser.dtype, denoiser.device) == (F64, torch.device("cpu"))
        assert repr(denoiser) == "EmpiricalDenoiser(n=7, event=(2, 2), float64, cpu)"
        assert denoiser.data.shape == (7, 2, 2) and torch.equal(denoiser.data, DATA)
        assert prior is None if denoiser.prior is None else torch.allclose(denoiser.prior, PRIOR, rtol=1e-14)


@pytest.mark.parametrize("prior", [None, PRIOR], ids=["equal", "weighted"])
@pytest.mark.parametrize("sigma", [0.05, 0.6, 20.0])
def test_every_method_gives_the_same(kind, prior, sigma):
    denoiser, plain = kind(DATA, prior), EmpiricalDenoiser(DATA, prior)
    close = partial(torch.testing.assert_close, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(denoiser(X, sigma), plain.reference(X, sigma), rtol=1e-10, atol=1e-11)
    close(denoiser.reference(X, sigma), plain.reference(X, sigma))
    weights = denoiser.weights(X, sigma)
    assert weights.shape == (3, 7)
    close(weights, plain.weights(X, sigma))
    close(weights.sum(1), torch.ones(3, dtype=F64))
    torch.testing.assert_close((weights @ DATA.flatten(1)).reshape(X.shape), denoiser(X, sigma), rtol=1e-10, atol=1e-11)
    close(denoiser.log_density(X, sigma), plain.log_density(X, sigma))
    torch.testing.assert_close(denoiser.entropy(X, sigma), plain.entropy(X, sigma), rtol=1e-10, atol=1e-12)
    ours, theirs = denoiser.partial(X, sigma), plain.partial(X, sigma)
    torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(ours.log_total, theirs.log_total, rtol=1e-10, atol=1e-11)


def test_samples_are_the_same_data_by_their_weights(kind):
    drawn = kind(DATA, PRIOR).sample(200, seed=4)
    assert torch.equal(drawn, EmpiricalDenoiser(DATA, PRIOR).sample(200, seed=4))
    places = (drawn[:, None] == DATA).flatten(2).all(2).nonzero()[:, 1]
    assert len(places) == 200 and set(places.tolist()) == {1, 2, 3, 5, 6}


def test_moving_gives_the_same_training_set_in_another_dtype(kind):
    denoiser = kind(DATA, PRIOR)
    for moved in (denoiser.to(torch.float32), denoiser.to("cpu", torch.float32), denoiser.to(torch.zeros(1))):
        assert type(moved) is EmpiricalDenoiser and moved.dtype == torch.float32 and denoiser.dtype == F64
        assert moved.data.dtype == torch.float32 and torch.equal(moved.data, DATA.float())
        torch.testing.assert_close(moved(X, 0.6), denoiser(X, 0.6), rtol=0, atol=1e-5)


def test_the_constructor_takes_a_training_set(kind):
    denoiser = kind(DATA)
    again = EmpiricalDenoiser(denoiser.training_set)
    assert again.n == 7 and torch.equal(again(X, 0.5), denoiser(X, 0.5))
    with pytest.raises(WeightsError, match="weights"):
        EmpiricalDenoiser(denoiser.training_set, PRIOR)


@pytest.mark.parametrize("sigma", [0.0, math.inf, 1e-200, 1e200])
def test_the_literal_formula_has_no_limits(kind, sigma):
    with pytest.raises(NoiseLevelError, match="sigma"):
        kind(DATA).reference(X, sigma)


def test_data_larger_than_memory_are_not_gathered(monkeypatch):
    denoiser = on_disk(DATA)
    monkeypatch.setattr("idealscore.theory.empirical.on_disk.available_memory", lambda: 100)
    with pytest.raises(DeviceMemoryError, match="data"):
        denoiser.data  # noqa: B018
    assert denoiser.n == 7 and np.isfinite(float(denoiser(X, 0.5).sum()))
