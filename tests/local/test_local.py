"""Patch-based optima against loops over pixels and patches, against the memorising optimum, and in limits."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch

from idealscore import errors
from idealscore._support.streams import torch_stream
from idealscore.theory.denoiser import jacobian
from idealscore.theory.empirical import EmpiricalDenoiser
from idealscore.theory.local import (
    LocalDenoiser,
    MaskedDenoiser,
    PatchSchedule,
    WienerMask,
    all_locations,
    calibrate_patch_size,
    windows,
)

from closed_forms import ClosedFormTests

F64 = torch.float64


def normal(*shape, seed=0, dtype=F64):
    return torch.randn(*shape, generator=torch_stream(seed, "test local"), dtype=dtype)


class TestSameLocation(ClosedFormTests):
    def make(self):
        return LocalDenoiser(normal(3, 2, 4, 3), 3, equivariant=False)


class TestAllLocations(ClosedFormTests):
    def make(self):
        return LocalDenoiser(normal(3, 2, 4, 3), lambda sigma: 1 if sigma < 0.5 else 3, padding="circular")


class TestAverages(ClosedFormTests):
    def make(self):
        return LocalDenoiser(normal(3, 2, 4, 3), 2, combine="average")


class TestFixedMask(ClosedFormTests):
    def make(self):
        return MaskedDenoiser(normal(5, 2, 3), torch.tril(torch.ones(6, 6)))


class TestWienerMask(ClosedFormTests):
    def make(self):
        return MaskedDenoiser(normal(9, 6))


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize(("combine", "padding"), [("centre", "zeros"), ("centre", "circular"), ("average", "zeros")])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.sampled(0.5)
def test_loops_over_pixels(equivariant, combine, padding, size):
    data = normal(2, 2, 5, 6)
    sigma = torch.tensor([1e-12, 0.3, 1e12], dtype=F64)
    x = data[[0, 1, 0]] + sigma.clamp(max=50)[:, None, None, None] * normal(3, 2, 5, 6, seed=1)
    make = partial(LocalDenoiser, data, size, equivariant, padding=padding, combine=combine)
    expected = make().reference(x, sigma)
    for block_size in (None, 1, 7):
        torch.testing.assert_close(make(block_size=block_size)(x, sigma), expected, rtol=0, atol=1e-10)


WHOLE = [
    {"patch_size": 5, "equivariant": False, "padding": "circular"},
    {"patch_size": 9, "equivariant": False},
    {"patch_size": 9, "equivariant": True},
    {"patch_size": 5, "equivariant": True, "combine": "average"},
    {"patch_size": 5, "equivariant": False, "combine": "average"},
]


@pytest.mark.parametrize("options", WHOLE)
def test_a_patch_of_the_whole_image_is_the_memorising_optimum(options):
    data, x = normal(20, 2, 5, 5), normal(6, 2, 5, 5, seed=1)
    denoiser, single = LocalDenoiser(data, **options), LocalDenoiser(data.float(), **options)
    for sigma in (0.0, 1e-12, 0.05, 0.7, 30.0, math.inf):
        expected = EmpiricalDenoiser(data)(x, sigma)
        torch.testing.assert_close(denoiser(x, sigma), expected, rtol=0, atol=1e-12)
        expected = EmpiricalDenoiser(data.float().double())(x.float().double(), sigma)
        torch.testing.assert_close(single(x.float(), sigma).double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize("combine", ["centre", "average"])
def test_limits_ties_and_smallest_noise(equivariant, combine):
    data, x = normal(6, 1, 6, 6), normal(2, 1, 6, 6, seed=1)
    denoiser = LocalDenoiser(data, 3, equivariant, combine=combine)
    assert not denoiser(x, 0.0).isnan().any()
    torch.testing.assert_close(denoiser(x, 0.0), denoiser(x, 1e-12), rtol=0, atol=1e-12)
    if not equivariant:
        torch.testing.assert_close(denoiser(x, math.inf), data.mean(0).expand_as(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(denoiser(data[:2], 0.0), data[:2], rtol=0, atol=1e-12)
    pair = torch.stack([torch.zeros(1, 6, 6), torch.ones(1, 6, 6)]).double() + 100.1
    middle = pair.mean(0, keepdim=True)
    for sigma in (0.0, 1e-12):
        tied = LocalDenoiser(pair, 3, equivariant, combine=combine, block_size=1)(middle, sigma)
        torch.testing.assert_close(tied, middle, rtol=1e-14, atol=0)


def test_equivariant_and_circular_commutes_with_shifts_and_same_location_does_not():
    data, x = normal(4, 1, 6, 6), normal(2, 1, 6, 6, seed=1)
    shift = {"shifts": (2, 3), "dims": (2, 3)}
    for equivariant in (True, False):
        denoiser = LocalDenoiser(data, 3, equivariant, padding="circular")
        difference = denoiser(x.roll(**shift), 0.5) - denoiser(x, 0.5).roll(**shift)
        assert (difference.abs().max() < 1e-12) == equivariant


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize("combine", ["centre", "average"])
def test_derivatives(equivariant, combine):
    denoiser = LocalDenoiser(normal(3, 1, 3, 4), 3, equivariant, combine=combine, block_size=2)
    x = normal(1, 1, 3, 4, seed=1).requires_grad_()
    with torch.random.fork_rng(devices=[]):
        assert torch.autograd.gradcheck(lambda x: denoiser(x, 0.8), (x,))
    if equivariant:
        second = torch.autograd.functional.hessian(lambda x: denoiser(x, 0.8)[0, 0, 1, 1], x.detach())
        flat = torch.as_tensor(second).reshape(12, 12)
        torch.testing.assert_close(flat, flat.T, rtol=0, atol=1e-12)
    whole = LocalDenoiser(normal(9, 1, 3, 3), 5, equivariant)
    x = normal(2, 1, 3, 3, seed=1)
    expected = jacobian(EmpiricalDenoiser(normal(9, 1, 3, 3)), x, 0.4)
    torch.testing.assert_close(jacobian(whole, x, 0.4), expected, rtol=0, atol=1e-11)


def test_float32_is_safe_on_near_duplicate_patches():
    sigma = 0.002
    data = (1 + normal(1, 3, 8, 8) + 3 * sigma / math.sqrt(2 * 27) * normal(40, 3, 8, 8, seed=1)).float()
    x = data[:4] + sigma * normal(4, 3, 8, 8, seed=2, dtype=torch.float32)
    level = float(torch.tensor(sigma))
    for equivariant in (False, True):
        exact = LocalDenoiser(data.double(), 3, equivariant)(x.double(), level)
        error = LocalDenoiser(data, 3, equivariant)(x, sigma).double() - exact
        assert error.abs().max() < 1e-3 * 3 * sigma


def test_patch_size_may_depend_on_the_noise_level_of_each_sample():
    data, x = normal(5, 1, 7, 7), normal(4, 1, 7, 7, seed=1)
    sigma = torch.tensor([0.1, 2.0, 0.2, 5.0], dtype=F64)
    denoised = LocalDenoiser(data, lambda sigma: 3 if sigma < 1 else 5)(x, sigma)
    small, large = (LocalDenoiser(data, size)(x, sigma) for size in (3, 5))
    torch.testing.assert_close(denoised, torch.where(sigma.reshape(-1, 1, 1, 1) < 1, small, large), rtol=0, atol=1e-12)


def test_calibration_finds_the_patch_size_of_a_local_network():
    data, images = normal(30, 1, 8, 8), normal(12, 1, 8, 8, seed=1)

    def network(x, sigma):
        return LocalDenoiser(data, 3 if sigma < 1 else 7)(x, sigma)

    schedule = calibrate_patch_size(network, data, images, [0.2, 0.5, 2.0], [1, 3, 5, 7], seed=3)
    assert schedule.sizes.tolist() == [3, 3, 7]
    assert schedule.cosine is not None
    assert schedule.cosine.shape == (3, 4) and schedule.cosine.max() == pytest.approx(1)
    assert LocalDenoiser(data, schedule)(images, 0.1).shape == images.shape


def black_and_white(denoiser, steps, n=16):
    """Samples of the probability flow by Euler, 16 x 16, from sigma = 80 down to 0.002, then the denoiser at 0."""
    from idealscore.theory.noise import karras_sigmas

    x = 80 * normal(n, 1, 16, 16, seed=5)
    sigmas = [*karras_sigmas(steps).tolist(), 0.0]
    for high, low in pairwise(sigmas):
        x = x + (low - high) * (x - denoiser(x, high)) / high
    return x


def locally_consistent(samples):
    """Fraction of pixels whose sign is that of the majority of the 3 x 3 patch around (periodic)."""
    signs = samples.sign()
    padded = torch.nn.functional.pad(signs, (1, 1, 1, 1), mode="circular")
    votes = torch.nn.functional.avg_pool2d(padded, 3, stride=1)
    return (votes.sign() == signs).double().mean().item()


def test_local_optimum_of_a_black_and_a_white_image_makes_consistent_mosaics():
    """Every pixel follows the majority of its patch, no sample is uniform; the memorising optimum is uniform."""
    data = torch.stack([-torch.ones(1, 16, 16), torch.ones(1, 16, 16)]).double()
    samples = black_and_white(LocalDenoiser(data, 3, padding="circular"), 20)
    assert locally_consistent(samples) >= 0.98
    assert not (samples.sign().flatten(1) == samples.sign()[:, 0, 0, :1]).all(1).any()
    memorised = black_and_white(EmpiricalDenoiser(data), 20)
    assert (memorised.sign().flatten(1) == memorised.sign()[:, 0, 0, :1]).all()
    noise = normal(16, 1, 16, 16, seed=6)
    assert locally_consistent(noise) < 0.7  # negative control


@pytest.mark.slow
def test_mosaics_grow_consistent_with_the_number_of_steps():
    data = torch.stack([-torch.ones(1, 16, 16), torch.ones(1, 16, 16)]).double()
    denoiser = LocalDenoiser(data, 3, padding="circular")
    assert locally_consistent(black_and_white(denoiser, 500, n=8)) >= 0.99


def test_masks_of_ones_and_of_boxes_are_known_theories():
    data, x = normal(12, 2, 3, 4), normal(5, 2, 3, 4, seed=1)
    position = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(3), torch.arange(4), indexing="ij"))
    row, column = position[1].flatten(), position[2].flatten()
    box = ((row[:, None] - row).abs() <= 1) & ((column[:, None] - column).abs() <= 1)
    for sigma in (0.0, 1e-12, 0.2, 1.0, 1e12, math.inf):
        whole = MaskedDenoiser(data, torch.ones(24, 24), block_size=5)(x, sigma)
        torch.testing.assert_close(whole, EmpiricalDenoiser(data)(x, sigma), rtol=0, atol=1e-12)
        windows = MaskedDenoiser(data, box.double(), block_size=5)(x, sigma)
        torch.testing.assert_close(windows, LocalDenoiser(data, 3, False)(x, sigma), rtol=0, atol=1e-12)


def test_last_bits_do_not_decide_between_patch_sizes_or_mask_entries():
    levels, sizes = np.array([0.1, 1.0]), np.array([3, 5])
    schedule = PatchSchedule(levels, sizes, sizes, np.eye(2))
    middle = float(np.sqrt(0.1))
    assert {schedule(s) for s in (middle, np.nextafter(middle, 0), np.nextafter(middle, 1))} == {3}
    assert schedule(1.001 * middle) == 5  # negative control
    pair = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.3, 0.3]], dtype=F64)
    for sigma in (0.1, 0.7, 3.0):  # |W_12| = W_11 exactly, which is not more than 1 W_11
        assert (WienerMask(pair, 1.0)(sigma) == torch.eye(2)).all()
        assert (WienerMask(pair, 0.999)(sigma) == 1).all()  # negative control


@pytest.mark.parametrize("n", [5, 200])
def test_wiener_mask_is_the_thresholded_filter(n):
    data = normal(n, 3, 3) @ torch.tril(torch.ones(3, 3, dtype=F64))
    flat = data.flatten(1)
    covariance = torch.cov(flat.T, correction=0)
    for sigma in (0.1, 1.0, 10.0):
        wiener = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(9, dtype=F64))
        expected = (wiener.abs() > 0.05 * wiener.diagonal()[:, None]) | torch.eye(9, dtype=torch.bool)
        assert (WienerMask(data)(sigma) == expected).all()
    for sigma in (0.0, 1e200, math.inf):
        assert not MaskedDenoiser(data)(data, sigma).isnan().any()
    constant = WienerMask(torch.ones(3, 4))
    assert (constant(1.0) == torch.eye(4)).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patch_size": 4}, errors.ArgumentError, "patch_size"),
        ({"patch_size": 0}, errors.ArgumentError, "patch_size"),
        ({"patch_size": -3}, errors.ArgumentError, "patch_size"),
        ({"patch_size": 11}, errors.ArgumentError, "patch_size"),
        ({"patch_size": 7, "padding": "circular"}, errors.ArgumentError, "patch_size"),
        ({"patch_size": 3, "padding": "mirror"}, errors.UnknownNameError, "padding"),
        ({"patch_size": 3, "combine": "median"}, errors.UnknownNameError, "combine"),
        ({"patch_size": 3, "block_size": 0}, errors.ArgumentError, "block_size"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        LocalDenoiser(torch.zeros(2, 1, 5, 5), **options)


@pytest.mark.parametrize("options", [{"equivariant": False}, {"equivariant": True}, {"combine": "average"}])
def test_what_would_not_fit_into_memory_is_refused_with_a_remedy(options, monkeypatch):
    for module in (windows, all_locations):
        monkeypatch.setattr(module, "available_memory", lambda: 2**10)
    denoiser = LocalDenoiser(normal(20, 1, 5, 5), 3, **options)
    with pytest.raises(errors.DeviceMemoryError, match=r"data.*MiB allowed; pass fewer or smaller images"):
        denoiser(torch.zeros(1, 1, 5, 5, dtype=F64), 1.0)


def test_bad_data_and_queries_are_refused():
    with pytest.raises(errors.ShapeError, match="data"):
        LocalDenoiser(torch.zeros(2, 5, 5), 3)
    with pytest.raises(errors.NotFiniteError, match="data"):
        LocalDenoiser(torch.full((2, 1, 5, 5), math.nan), 3)
    with pytest.raises(errors.ShapeError, match="x"):
        LocalDenoiser(torch.zeros(2, 1, 5, 5), 3)(torch.zeros(1, 1, 4, 5), 1.0)
    with pytest.raises(errors.NoiseLevelError, match="sigma"):
        LocalDenoiser(torch.zeros(2, 1, 5, 5), 3)(torch.zeros(1, 1, 5, 5), -1.0)
    with pytest.raises(errors.ArgumentError, match="patch_size"):
        LocalDenoiser(torch.zeros(2, 1, 5, 5), lambda sigma: 4)(torch.zeros(1, 1, 5, 5), 1.0)
    with pytest.raises(errors.ShapeError, match="mask"):
        MaskedDenoiser(torch.zeros(2, 3), torch.ones(2, 2))
    assert LocalDenoiser(torch.zeros(2, 1, 5, 5), 3)(torch.zeros(0, 1, 5, 5), 1.0).shape == (0, 1, 5, 5)
