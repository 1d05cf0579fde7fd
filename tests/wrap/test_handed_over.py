"""A network is tried before it is measured: what is wrong is said, and no theory is named for it."""

import numpy as np
import pytest
import xarray as xr

from idealscore.compare.measures import identities_table, network_identities, probed_range
from idealscore.compare.regimes._summary import _closest
from idealscore.compare.regimes._table import worse_than_nothing
from idealscore.learned import data, wrap
from idealscore.theory import GaussianDenoiser

DIGITS = data.load("digits")
IDEAL = GaussianDenoiser.fit(DIGITS.images[:500])
SPLIT = DIGITS.subset(80).split(0.5, seed=0)


def flipped(x, sigma):
    """The optimum with the sign of its noise wrong."""
    return 2 * x - IDEAL(x, sigma)


def test_identities_are_told_what_is_wrong():
    for network, wrong in ((IDEAL, False), (flipped, True)):
        found = network_identities(network, DIGITS, [1.0], identities=["symmetry"])
        text = identities_table(found)
        assert ("the network as it was handed over: remedy: the sign" in text) == wrong
        assert bool(found.attrs["hand_over"]) == wrong
    assert (
        network_identities(wrap.function(IDEAL, shape=(1, 8, 8)), None, [1.0], identities=["symmetry"]).attrs[
            "hand_over"
        ]
        == ""
    )


def test_the_numbers_of_a_probe_are_those_of_the_definition():
    from idealscore.simulate.diffusion import noised

    images = DIGITS.images[:16]
    found = probed_range(IDEAL, images, [0.7], seed=3).isel(sigma=0)
    x = noised(images, 0.7, 3)
    error = (IDEAL(x, 0.7).to(images) - images).square().mean((1, 2, 3))
    assert float(found.to_identity) == pytest.approx(float(error.mean() / (x - images).square().mean()), rel=1e-5)
    spread = (images - images.mean(0)).square().mean()
    assert float(found.to_mean) == pytest.approx(float(error.mean() / spread), rel=1e-5)


def test_a_regime_map_names_no_theory_that_explains_nothing():
    gap = xr.DataArray(
        np.array([[0.2, 0.5], [1.5, 1.2]])[:, :, None, None] + np.zeros((2, 2, 2, 3)),
        dims=("sigma", "theory", "repeat", "network"),
        coords={"theory": ["gaussian", "empirical"]},
    )
    found = _closest(xr.Dataset({"score_gap": gap}))
    assert found.closest.values.tolist() == ["gaussian", "none"]
    assert found.tied.transpose("sigma", "theory").values.tolist() == [[True, False], [False, False]]


def test_a_regime_map_says_where_networks_are_worse_than_nothing():
    error = np.array([[0.0009, 0.09], [0.2, 0.09]])  # at sigma 0.1 and 1, of n = 10 and n = 100
    dims = ("n_train", "sigma", "width", "step", "inputs")
    shape = (2, 2, 1, 1, 1)
    result = xr.Dataset(
        {"denoising_error": (dims, error.reshape(shape)), "denoising_error_stderr": (dims, np.full(shape, 1e-3))},
        coords={"n_train": [10, 100], "sigma": [0.1, 1.0], "width": [8], "step": [5], "inputs": ["training"]},
    )
    [line] = worse_than_nothing(result)
    assert "width 8, n = 100" in line and "sigma = 0.1:" in line
