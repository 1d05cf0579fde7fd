"""A network is tried before it is measured: what is wrong is said, and no theory is named for it."""

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore.compare import Comparison, compare, compare_models, one_model
from idealscore.compare.comparison import table
from idealscore.compare.comparison._handed_over import wrong_with
from idealscore.compare.measures import identities_table, network_identities, probed_range
from idealscore.compare.regimes._summary import _closest
from idealscore.compare.regimes._table import worse_than_nothing
from idealscore.errors import EmptyDataError, NoiseLevelError
from idealscore.learned import data, wrap
from idealscore.theory import GaussianDenoiser

DIGITS = data.load("digits")
IDEAL = GaussianDenoiser.fit(DIGITS.images[:500])
SPLIT = DIGITS.subset(80).split(0.5, seed=0)


def flipped(x, sigma):
    """The optimum with the sign of its noise wrong."""
    return 2 * x - IDEAL(x, sigma)


def small(**options):
    return Comparison(n_images=6, n_noise=1, n_samples=2, theories=("gaussian", "empirical"), levels=2, **options)


def test_several_models_are_tried_one_by_one(tmp_path):
    said = []
    networks = {"right": IDEAL, "wrong": flipped}
    found = compare_models(networks, *SPLIT, small(sigma_min=1.0), announce=said.append, show=False)
    right, wrong = (table(one_model(found, name)) for name in networks)
    assert "as it was handed over" not in right
    assert "as it was handed over: the network is worse than doing nothing" in wrong
    assert any("worse than doing nothing" in text for text in said)
    assert one_model(found, "wrong").closest.values.tolist() == [["none", "none"]] * 2
    found.to_netcdf(tmp_path / "found.nc", engine="h5netcdf")
    back = xr.load_dataset(tmp_path / "found.nc", engine="h5netcdf")
    assert one_model(back, "wrong").attrs["hand_over"] == one_model(found, "wrong").attrs["hand_over"]


def test_models_draw_no_samples_where_one_of_them_is_not_defined():
    """The ranges that the networks know of themselves limit the sampler, as those of a training do."""

    class Limited:
        noise_range = (0.3, 5.0)

        def __call__(self, x, sigma):
            level = torch.as_tensor(sigma)
            assert bool(((level >= 0.3) & (level <= 5.0)).all())
            return IDEAL(x, sigma)

    part = small(sigma_min=1.0, sigma_max=2.0)
    found = compare_models({"limited": Limited(), "ideal": IDEAL}, *SPLIT, part, show=False)
    assert one_model(found, "limited").attrs["hand_over"] == ""


@pytest.mark.slow
def test_a_network_told_the_class_of_each_image_is_tried_class_by_class():
    training, held_out = DIGITS.subset(600).split(0.3, seed=0)
    optima = [GaussianDenoiser.fit(DIGITS.images[DIGITS.labels == label]) for label in range(10)]

    def right(x, sigma, condition):
        classes = torch.as_tensor(condition).expand(len(x))
        levels = torch.as_tensor(sigma).expand(len(x))
        rows = zip(x, levels, classes.tolist(), strict=True)
        return torch.cat([optima[label](row[None], level[None]) for row, level, label in rows])

    def other_class(x, sigma, condition):
        return right(x, sigma, (torch.as_tensor(condition) + 5) % 10)

    def turned(x, sigma, condition):
        return 2 * x - right(x, sigma, condition)

    config = small(condition="class")
    assert wrong_with(right, training, held_out, config) == []  # pyright: ignore[reportArgumentType]
    for network in (other_class, turned):
        found = wrong_with(network, training, held_out, config)  # pyright: ignore[reportArgumentType]
        assert found[0].startswith("at class ") and "(4 of 4 classes that were tried are wrong)" in found[0]


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


def test_a_network_without_a_known_range_is_tried_where_it_is_asked():
    """One that takes every noise level above 2 for 2, and every one below 0.2 for 0.2."""

    def limited(x, sigma):
        return IDEAL(x, torch.as_tensor(sigma).clamp(0.2, 2.0))

    found = probed_range(limited, DIGITS.images[600:630], [0.02, 0.5, 1.5, 20.0])
    assert found.failed.values.tolist() == [True, False, False, True]
    assert float(found.to_identity[0]) > 1.1 and float(found.to_mean[3]) > 1.1
    assert not bool(probed_range(IDEAL, DIGITS.images[600:630], [1e-3, 0.1, 1.0, 10.0, 1e3]).failed.any())
    broken = probed_range(lambda x, s: x / 0 if s > 1 else x, DIGITS.images[:4], [0.001, 2.0])
    assert broken.failed.values.tolist() == [False, True]
    # a comparison says so where the hand-over test at the middle levels found nothing
    said = []
    part = small(sigma_min=0.05, sigma_max=100.0)
    compare(lambda x, s: IDEAL(x, torch.as_tensor(s).clamp(max=12.0)), *SPLIT, part, announce=said.append, show=False)
    assert any("does not say its noise levels and was tried: it fails at sigma = 100" in text for text in said)
    known = compare(
        lambda x, s: IDEAL(x, torch.as_tensor(s).clamp(max=12.0)), *SPLIT, part, trained_on=(0.0, 12.0), show=False
    )  # fmt: skip
    assert known.attrs["hand_over"] == ""
    with pytest.raises(EmptyDataError):
        probed_range(IDEAL, DIGITS.images[:1], [1.0])
    with pytest.raises(NoiseLevelError):
        probed_range(IDEAL, DIGITS.images, [0.0])


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
