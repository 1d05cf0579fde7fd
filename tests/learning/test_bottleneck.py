"""A first layer narrower than the input keeps noise that no training removes."""

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.learned import data
from idealscore.learned.networks import MLPDenoiser
from idealscore.paper_figs.catalogue import saved
from idealscore.theory.learning import bottleneck_error

D, SCALE = 12, 0.7


def error_at(denoise, y, sigma, n=20_000):
    """sqrt(E|D - y|^2 / d) and its standard error."""
    noise = torch.from_numpy(np.random.default_rng(7).standard_normal((n, len(y))))
    square = (denoise(y + sigma * noise, sigma) - y).square().mean(1)
    root = float(square.mean().sqrt())
    return root, float(square.std() / n**0.5) / (2 * root)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 3.0])
def test_a_linear_network_reaches_it(sigma):
    """One that knows y and cancels the noise in the directions that it sees."""
    y, width = torch.linspace(-1, 1, D, dtype=torch.float64), 5
    skip = SCALE**2 / (SCALE**2 + sigma**2)

    def best(x, sigma):
        seen = x.clone()
        seen[:, width:] = 0
        removed = skip * (seen - torch.where(torch.arange(D) < width, y, 0.0)) + (skip - 1) * y
        return skip * x - removed

    found, error = error_at(best, y, sigma)
    assert abs(found - bottleneck_error(width, D, sigma, SCALE)) < 5 * error
    assert found > bottleneck_error(width + 1, D, sigma, SCALE) + 5 * error  # one unit more could do better


@pytest.mark.parametrize("seed", range(4))
def test_no_perceptron_is_below_it(seed):
    generator = torch.Generator().manual_seed(seed)
    network = MLPDenoiser((D,), width=4, depth=2, sigma_data=SCALE, seed=seed).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        for sigma in (0.1, 0.5, 1.0):
            found, error = error_at(network, torch.zeros(D, dtype=torch.float64), sigma)
            assert found > bottleneck_error(4, D, sigma, SCALE) - 5 * error


def test_narrow_perceptrons_on_few_digits_stay_just_above_it():
    """Saved networks of the regime map: width 24 sees 64 pixels, and cannot copy the 8 digits that it was shown."""
    result = saved("regime_map").isel(step=-1).sel(theory="empirical", inputs="training", n_train=8)
    low = result.sel(sigma=result.sigma[result.sigma < 0.4])
    bound = bottleneck_error(24, 64, low.sigma.values, data.load("digits").sigma_data)
    narrow, wide = low.sel(width=24), low.sel(width=128)
    assert (narrow.rmse.values > bound - 3 * narrow.rmse_stderr.values).all()
    assert (narrow.rmse.values < 1.1 * bound).all()
    assert (wide.rmse.values < 0.2 * bound).all()  # the control has no bottleneck
    assert float(narrow.memorised.mean()) < 0.1 and float(wide.memorised.mean()) > 0.8


def test_its_limits_and_what_it_refuses():
    assert bottleneck_error(D, D, 1.0, 1.0) == 0 and bottleneck_error(2 * D, D, 1.0, 1.0) == 0
    np.testing.assert_allclose(bottleneck_error(3, D, [0.0, 2.0], np.inf), [0.0, 2 * np.sqrt(0.75)])  # skip = 1
    assert bottleneck_error(3, D, 1e200, 1.0) == 0
    with pytest.raises(NoiseLevelError, match=r"^sigma: is negative"):
        bottleneck_error(3, D, [-1.0], 1.0)
    with pytest.raises(ArgumentError, match=r"^width: "):
        bottleneck_error(0, D, 1.0, 1.0)
    with pytest.raises(ArgumentError, match=r"^sigma_data: "):
        bottleneck_error(3, D, 1.0, 0.0)
