"""The fused kernel of windows against the formula: unfilled groups, duplicates, float32 at every noise level."""

import math

import numpy as np
import pytest
import torch
from numba import njit

from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, _kernels, windows

F64 = torch.float64
LANES = _kernels.LANES


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch_stream(seed, "test local windows"), dtype=F64)


def pictures(n, channels=2, height=4, width=5):
    """Images with an empty border, a third of them with an empty upper half, some of them twice, so that groups are
    alike in some windows."""
    images = torch.zeros(n, channels, height, width, dtype=F64)
    images[:, :, 1:-1, 1:-1] = normal(n, channels, height - 2, width - 2)
    images[::3, :, : height // 2] = 0
    images[n // 2 : n // 2 + 10] = images[:10]
    return images


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_groups_that_are_not_full_and_duplicates(equivariant, padding):
    """Two groups and two more images; float64, and float32 at the rounding of a single number."""
    data = pictures(LANES + 2, 2, 3, 4) if equivariant else pictures(2 * LANES + 2)
    sigma = torch.tensor([1e-9, 0.3, 30.0], dtype=F64)
    x = data[[0, 65, 3]] + sigma[:, None, None, None] * normal(3, *data.shape[1:], seed=1)
    denoiser = LocalDenoiser(data, 3, equivariant, padding=padding)
    expected = denoiser.reference(x, sigma)
    torch.testing.assert_close(denoiser(x, sigma), expected, rtol=0, atol=1e-10)
    single = LocalDenoiser(data.float(), 3, equivariant, padding=padding)(x.float(), sigma.float())
    assert (single - expected)[1:].norm() < 1e-5 * expected[1:].norm()


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_windows_that_are_blank_in_whole_groups(equivariant, padding, monkeypatch):
    """They are compared once, with their number; also where the noise is too small for single precision. Negative
    control: without their number the mean is another one."""
    n = (1 if equivariant else 2) * LANES + 12
    data = torch.zeros(n, 1, 4, 4, dtype=F64)
    data[:, :, 2, 2] = normal(n, 1)
    data[-10:, :, 0] = 1
    sigma = torch.tensor([1e-9, 0.3, 30.0], dtype=F64)
    x = data[[0, 65, 3]] + sigma[:, None, None, None] * normal(3, 1, 4, 4, seed=1)
    denoiser = LocalDenoiser(data, 3, equivariant, padding=padding)
    expected = denoiser.reference(x, sigma)
    torch.testing.assert_close(denoiser(x, sigma), expected, rtol=0, atol=1e-10)
    single = LocalDenoiser(data.float(), 3, equivariant, padding=padding)(x.float(), sigma.float())
    assert (single - expected)[1:].norm() < 1e-5 * expected[1:].norm()
    engine = windows.Windows(4, 4, 1, padding == "circular", equivariant, windows.PackedImages())
    often = engine._facts(windows.packed(data, F64, torch.arange(n)), n).often
    assert (often[0, 1], often[2, 0], often[2, 2]) == (n - 12, n, 0)
    add = windows.add_usual
    monkeypatch.setattr(windows, "add_usual", lambda usual, often, *rest: add(usual, np.minimum(often, 1), *rest))
    assert not torch.allclose(LocalDenoiser(data, 3, equivariant, padding=padding)(x, sigma), expected, atol=1e-3)


@pytest.mark.parametrize("far", [0.0, 3.0])
def test_float32_is_exact_to_five_digits_at_every_noise_level(far):
    """Also where the point is far from all data, so that float32 alone could not tell which window is nearest."""
    data = pictures(200, 1, 9, 9)
    for size in (1, 5, 17):
        for sigma in (0.001, 0.02, 0.3, 3.0, 20.0):
            x = (data[:2] + far + sigma * normal(2, 1, 9, 9, seed=2)).float()
            level = float(torch.tensor(sigma))
            exact = LocalDenoiser(data.float().double(), size, False)(x.double(), level)
            error = LocalDenoiser(data.float(), size, False)(x, sigma).double() - exact
            assert error.norm() < 1e-5 * exact.norm(), (size, sigma)


def test_without_the_second_comparison_float32_is_not_exact(monkeypatch):
    """Negative control: far from data that are close to each other the energies of float32 alone give wrong weights."""
    data = 1e-4 * pictures(200, 1, 9, 9).float()
    x, sigma = data[:2] + 30, 0.05
    exact = LocalDenoiser(data.double(), 5, False)(x.double(), float(torch.tensor(sigma)))
    right = (LocalDenoiser(data, 5, False)(x, sigma).double() - exact).norm() / exact.norm()
    monkeypatch.setitem(windows.TOLERANCE, torch.float32, math.inf)
    wrong = (LocalDenoiser(data, 5, False)(x, sigma).double() - exact).norm() / exact.norm()
    assert right < 1e-5 < wrong


def test_threads_and_batches_change_nothing_but_rounding():
    data, x = pictures(LANES + 6), normal(3, 2, 4, 5, seed=3)
    before = torch.get_num_threads()
    try:
        for equivariant in (False, True):
            results = []
            for threads in (1, 2):
                torch.set_num_threads(threads)
                denoiser = LocalDenoiser(data, 3, equivariant)
                results += [denoiser(x, 0.7), torch.cat([denoiser(row[None], 0.7) for row in x])]
            for result in results[1:]:
                torch.testing.assert_close(result, results[0], rtol=0, atol=1e-13)
    finally:
        torch.set_num_threads(before)


def test_tasks_pair_every_window_with_those_that_the_border_cuts_alike():
    """Once each, and no others."""
    for height, radius, circular in ((7, 2, False), (3, 2, False), (6, 1, True), (5, 0, False)):
        engine = windows.Windows(height, height + 1, radius, circular, True, windows.PackedImages())
        pairs = [
            (i + a, j + b, u + a, v + b)
            for i, u, rows, j, v, columns in engine.tasks.tolist()
            for a in range(rows)
            for b in range(columns)
        ]

        def cut(i, length, r=radius, c=circular):
            return (0, 0) if c else (max(0, r - i), max(0, r - (length - 1 - i)))

        places = [(i, j) for i in range(height) for j in range(height + 1)]
        cuts = {(i, j): (cut(i, height), cut(j, height + 1)) for i, j in places}
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == {(*p, *q) for p in places for q in places if cuts[p] == cuts[q]}
        parts = np.concatenate([windows._band(engine.tasks, *band) for band in ((0, 2), (2, height))])
        assert parts[:, 2] @ parts[:, 5] == len(pairs)


@njit
def _powers(t):
    return np.array([_kernels.exp2(value) for value in t])


@pytest.mark.parametrize(("kind", "error"), [(np.float32, 2.5e-7), (np.float64, 1e-15)])
def test_powers_of_two(kind, error):
    """The polynomial in float32 is off by 1e-7 at most, to which rounding adds; at whole numbers nothing is off."""
    t = -np.linspace(0, 119, 100_001).astype(kind)
    found, right = _powers(t).astype(np.float64), np.exp2(t.astype(np.float64))
    assert np.abs(found / right - 1).max() < error
    whole = -np.arange(120).astype(kind)
    assert (_powers(whole) == np.exp2(whole)).all()


def test_images_with_the_same_blank_rows_form_groups():
    """The order holds each image once; fewer windows vary within a group; without blank rows all keep their place."""
    data = pictures(6 * LANES + 5, 1, 9, 9)
    order = windows.order_by_blanks(data)
    assert sorted(order.tolist()) == list(range(len(data)))
    engine = windows.Windows(9, 9, 1, False, False, windows.PackedImages())
    plain, better = (
        engine._facts(windows.packed(data, F64, some), len(data)).varied.mean()
        for some in (torch.arange(len(data)), order)
    )
    assert better < 0.95 * plain
    full = normal(200, 1, 9, 9)
    assert windows.order_by_blanks(full).tolist() == list(range(200))
    assert torch.equal(windows.unpacked(windows.packed(data, F64, order), len(data)), data[order])
