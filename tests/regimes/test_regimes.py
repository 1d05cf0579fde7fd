"""The regime map: known denoisers land where they belong, sets are disjoint, a stopped map goes on, errors are true."""

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore._support.types import Record
from idealscore.compare import RegimePlan, regime_figure, regime_map, regime_networks
from idealscore.compare.regimes import table
from idealscore.compare.regimes._crossover import crossover
from idealscore.compare.regimes._summary import averaged
from idealscore.compare.regimes._table import rows
from idealscore.compare.regimes.cell import measure
from idealscore.compare.regimes.ground import Ground, Remembered
from idealscore.errors import ArgumentError, DataFileError, NoiseLevelError, UnknownNameError
from idealscore.learned.data import ImageData, load

TINY: Record = {
    "widths": (8,), "steps": 12, "batch": 8, "snapshots": 1, "first_step": 1, "repeats": 2, "levels": 2,
    "n_images": 10, "n_pairs": 6, "n_samples": 8, "theories": ("empirical", "gaussian"),
}  # fmt: skip
PLAN = RegimePlan(sizes=(4, 30), **TINY)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def made(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    return folder, regime_map(digits, PLAN, folder)


def _measured(digits, size, name, held_out=197):
    """A cell whose three networks are each the optimum of their own training set."""
    plan = RegimePlan(sizes=(size,), held_out=held_out, **TINY | Record(n_samples=40, n_pairs=40, levels=3))
    ground = Ground(plan, *plan.pool(digits), size, 0)
    sides = (ground.first, ground.first, ground.other)
    return measure([side.optima[name] for side in sides], ground, None), ground


def test_the_memorising_optimum_is_found_to_memorise(digits):
    cell, _ = _measured(digits, 20, "empirical")
    assert (cell.memorised == 1).all() and float(cell.generalisation_distance.max()) < 0.05
    assert (cell.score_gap.sel(theory="empirical") == 0).all() and (cell.score_gap.sel(theory="gaussian") > 0).any()
    assert float(cell.rp_same) == 1 and (cell.rp_to_optimum.sel(theory="empirical") == 1).all()
    assert float(cell.rp_disjoint) < 0.5
    assert (cell.test_train_gap.isel(sigma=0) > 0.1).all()


def test_the_gaussian_optimum_is_found_to_be_linear_and_to_copy_nothing(digits):
    cell, _ = _measured(digits, 700, "gaussian")
    assert (cell.memorised == 0).all()
    assert float(abs(cell.linearity - 1).max()) < 1e-6 and float(cell.nonlinearity.max()) < 1e-6
    assert (cell.score_gap.sel(theory="gaussian") == 0).all()
    assert float(cell.cosine_disjoint) > float(cell.cosine_to_optimum.sel(theory="empirical").max())
    assert float(cell.rp_disjoint) > 0.9


def test_the_nulls_are_the_optima_themselves(digits):
    cell, ground = _measured(digits, 20, "empirical")
    null = ground.nulls(None).sel(theory="empirical")
    first = cell.sel(network="first")
    assert float(null.optimum_rp_disjoint) == float(cell.rp_disjoint)
    assert float(null.optimum_memorised) == float(first.memorised) == 1
    np.testing.assert_allclose(null.optimum_linearity, first.linearity)
    np.testing.assert_allclose(
        null.optimum_denoising_error.transpose(*first.denoising_error.dims), first.denoising_error
    )
    assert float(null.held_out_memorised) < 0.05


@pytest.mark.slow
def test_features_decide_what_counts_as_the_same(digits):
    _, ground = _measured(digits, 20, "empirical")
    optima = [side.optima["empirical"] for side in (ground.first, ground.first, ground.other)]
    blind = measure(optima, ground, lambda x: torch.ones(len(x), 1))
    assert float(blind.rp_disjoint) == 1 and (blind.generalisation_score == 0).all()
    sharp = measure(optima, ground, lambda x: (x - ground.centre).flatten(1).double() ** 3)
    assert float(sharp.rp_same) == 1 and float(sharp.rp_disjoint) < 0.5 and (sharp.generalisation_score == 0).all()


def test_the_sets_of_a_size_are_disjoint_as_long_as_they_fit(digits):
    plan = RegimePlan(sizes=(4, 800, 1400), **TINY)
    pool, held_out = plan.pool(digits)
    assert (len(pool), len(held_out)) == (1600, 197)
    for size, shared in ((4, 0), (800, 0), (1400, 1200)):
        first, other = plan.sets(pool, size, 0)
        assert len(first) == len(other) == size
        ground = Ground(plan, pool, held_out, size, 0)
        assert ground.overlap == pytest.approx(shared / size)
    small, large = plan.sets(pool, 4, 1)[0], plan.sets(pool, 800, 1)[0]
    assert torch.equal(small.images, large.images[:4])
    assert not torch.equal(small.images, plan.sets(pool, 4, 0)[0].images)


def test_every_quantity_has_an_error_and_the_axes_are_named(made):
    _, result = made
    names = [str(name) for name in result if not str(name).endswith("_stderr")]
    alone = {"overlap", "closest", "tied"}
    assert all(f"{name}_stderr" in result for name in names if name not in alone)
    assert result.score_gap.dims == ("n_train", "width", "step", "inputs", "sigma", "theory")
    assert set(np.unique(result.closest)) <= {"empirical", "gaussian", "none"}
    assert bool((result.tied.any("theory") == (result.closest != "none")).all())
    for name in ("rmse", "linearity", "memorised", "rp_same", "rp_disjoint", "rp_to_optimum", "test_train_gap"):
        assert bool(np.isfinite(result[name]).all()) and bool((result[f"{name}_stderr"] >= 0).all())


def test_a_map_goes_on_where_it_was(made, digits):
    folder, result = made
    cells = sorted((folder / "cells").iterdir())
    assert len(cells) == 2 * 2
    before = {path: path.stat().st_mtime_ns for path in cells}
    cells[0].unlink()
    (folder / "regimes.nc").unlink()
    again = regime_map(digits, PLAN, folder)
    assert cells[0].exists() and (folder / "regimes.nc").exists()
    assert all(path.stat().st_mtime_ns == before[path] for path in cells[1:])
    xr.testing.assert_equal(again, result)
    with pytest.raises(DataFileError, match="another plan"):
        regime_map(digits, RegimePlan(sizes=(4, 31), **TINY), folder)


@pytest.mark.slow
def test_nothing_depends_on_the_folder_and_networks_can_be_taken_from_it(made, digits):
    folder, _ = made
    three = regime_networks(digits, PLAN, folder, 4, 8)
    assert [len(part) for part, _ in three] == [4, 4, 4] and torch.equal(three[0][0].images, three[1][0].images)
    x = torch.zeros(2, 1, 8, 8)
    outputs = [network(x, 1.0) for _, network in three]
    assert not torch.equal(outputs[0], outputs[1]) and not torch.equal(outputs[0], outputs[2])
    lone = regime_map(digits, RegimePlan(sizes=(4,), **TINY | Record(repeats=1)))
    assert lone.sizes["n_train"] == 1 and np.isnan(lone.crossover).all()


@pytest.mark.parametrize("name", ["size", "width", "repeat"])
def test_networks_that_the_map_does_not_hold_are_refused_by_name(made, digits, name):
    which = {"size": 4, "width": 8, "repeat": 0} | {name: 5}
    with pytest.raises(ArgumentError, match=f"^{name}: is 5; pass one of the plan's: "):
        regime_networks(digits, PLAN, made[0], **which)


def test_a_folder_of_another_map_or_of_none_is_refused(made, digits, tmp_path):
    other = RegimePlan(sizes=(4,), **TINY)
    for folder, plan in ((made[0], other), (tmp_path, PLAN)):
        with pytest.raises(DataFileError, match=r"^run_dir: .* holds no regime map of this plan and data"):
            regime_networks(digits, plan, folder, 4, 8)


@pytest.mark.slow
def test_workers_change_nothing(made, digits, tmp_path):
    xr.testing.assert_equal(regime_map(digits, PLAN, tmp_path, workers=2), made[1])


def test_the_remembered_optimum_is_asked_once_per_question():
    asked = []
    remembered = Remembered(lambda x, sigma: asked.append(sigma) or x * sigma)
    x = torch.ones(2, 3)
    for _ in range(3):
        assert torch.equal(remembered(x, 2.0), 2 * x)
    assert torch.equal(remembered(x + 1, 2.0), 4 * x) and torch.equal(remembered(x, 3.0), 3 * x)
    assert asked == [2.0, 2.0, 3.0]


def test_means_over_networks_have_true_errors():
    rng = np.random.default_rng(0)
    repeats, networks, samples, trials = 2, 3, 50, 400
    own = rng.normal(0, 0.3, (trials, repeats, networks))
    common = rng.normal(0, 1, (trials, samples))
    values = own + common.mean(1)[:, None, None]
    error = np.broadcast_to((common.std(1, ddof=1) / samples**0.5)[:, None, None], values.shape)
    dims = ("trial", "repeat", "network")
    found = averaged(xr.Dataset({"q": (dims, values), "q_stderr": (dims, error)}), samples)
    ratio = float(found.q.std() / found.q_stderr.mean())
    assert 0.9 < ratio < 1.1  # 400 trials: 3.5 % of error
    share = xr.Dataset({"memorised": (dims, np.ones((1, 2, 3))), "memorised_stderr": (dims, np.zeros((1, 2, 3)))})
    assert 0 < float(averaged(share, 100).memorised_stderr.item()) < 0.02


def test_a_crossover_is_found_with_its_error():
    sizes = np.array([16.0, 64.0, 256.0, 1024.0])
    truth = np.array([1.0, 0.75, 0.25, 0.0])
    zero = np.zeros(4)
    assert crossover(sizes, truth, zero, 0.5, False, 0) == pytest.approx((128, 0), abs=1e-9)
    assert crossover(sizes, 1 - truth, zero, 0.5, True, 0) == pytest.approx((128, 0), abs=1e-9)
    for level, rising in ((1.5, False), (0.5, True)):
        assert np.isnan(crossover(sizes, truth, zero, level, rising, 0)).all()
    rng = np.random.default_rng(1)
    noisy = truth + 0.05 * rng.standard_normal((300, 4))
    pairs = np.array([crossover(sizes, row, np.full(4, 0.05), 0.5, False, 0) for row in noisy])
    assert abs(pairs[:, 0].mean() - 128) < 5 * pairs[:, 0].std() / 300**0.5 + 2
    assert 0.85 < pairs[:, 0].std() / pairs[:, 1].mean() < 1.15
    vague = crossover(sizes, np.array([0.51, 0.5, 0.5, 0.49]), np.full(4, 0.3), 0.5, False, 0)
    assert vague[1] > vague[0]


def test_the_table_and_the_figure_show_the_map(made):
    import matplotlib.pyplot as plt

    _, result = made
    assert [row["n"] for row in rows(result)] == ["4", "30"]
    assert "RP two sets" in table(result) and "at every size measured" in table(result)
    for copies, told in (
        ([0.9, 0.8], "half of the samples or more are copies at every size measured"),
        ([0.1, 0.2], "most samples are not copies at every size measured"),
        ([0.1, 0.9], "most samples are not copies only at n = 4"),
    ):
        other = result.assign(
            memorised=xr.zeros_like(result.memorised)
            + xr.DataArray(copies, dims="n_train", coords={"n_train": [4, 30]}),
            crossover=result.crossover * np.nan,
        )
        assert told in table(other)
    assert "extrapolate" not in table(result)
    narrow = result.assign_attrs(trained_on=(0.1, 5.0))
    assert "outside of the trained range 0.1 ... 5" in table(narrow) and "from 0.02 to 20" in table(narrow)
    drawn = regime_figure(result)
    drawn.canvas.draw()
    assert len(drawn.axes) == 8
    plt.close(drawn)


@pytest.mark.parametrize(
    ("error", "word", "options"),
    [
        (ArgumentError, "sizes", {"sizes": (1, 4)}),
        (ArgumentError, "increasing", {"sizes": (8, 4)}),
        (ArgumentError, "sizes", {"sizes": ()}),
        (ArgumentError, "widths", {"widths": (0,)}),
        (ArgumentError, "repeats", {"repeats": 0}),
        (ArgumentError, "first_step", {"first_step": 13}),
        (NoiseLevelError, "sigma_max", {"sigma_max": 0.01}),
        (UnknownNameError, "gaussian", {"theories": ("gausian",)}),
        (ArgumentError, "empirical", {"theories": ("gaussian",)}),
        (UnknownNameError, "network", {"network": "nut"}),
        (ArgumentError, "noise", {"noise": "lognormal"}),
    ],
)
def test_a_bad_plan_is_refused(error, word, options):
    with pytest.raises(error, match=word):
        RegimePlan(**{"sizes": (4, 8), **TINY, **options})


def test_data_that_do_not_fit_are_refused(digits):
    with pytest.raises(ArgumentError, match="1601 training images of 1600"):
        regime_map(digits, RegimePlan(sizes=(4, 1601), **TINY))
    with pytest.raises(ArgumentError, match="held_out"):
        regime_map(digits, RegimePlan(sizes=(4,), held_out=1, **TINY))
    with pytest.raises(ArgumentError, match="workers"):
        regime_map(digits, PLAN, workers=0)


def test_held_out_images_among_the_training_images_are_counted(digits):
    small = digits.subset(12)
    doubled = ImageData(torch.cat([small.images, small.images]), torch.cat([small.labels, small.labels]))
    plan = RegimePlan(sizes=(4,), held_out=6, **TINY | Record(repeats=1))
    pool, held_out = plan.pool(doubled)
    count = sum(any(torch.equal(x, y) for y in pool.images) for x in held_out.images)
    assert count > 0
    with pytest.warns(UserWarning, match=f"{count} of the held-out images"):
        result = regime_map(doubled, plan)
    assert result.attrs["held_out_in_training"] == count and f"{count} of the held-out" in table(result)


def test_the_spectrum_predicts_what_two_gaussian_optima_do():
    """Test and training error within 15 % of the measured ones of the optimum at n = 64, the cosine within 0.1."""
    from idealscore.compare.regimes._predicted_from_spectrum import predicted_from_spectrum
    from idealscore.theory import GaussianDenoiser

    plan = RegimePlan(sizes=(64, 400), widths=(8,), levels=2, sigma_min=0.5, sigma_max=1.0)
    pool, held_out = plan.pool(load("digits"))
    found = predicted_from_spectrum(pool, plan)
    for n in plan.sizes:
        training, _ = plan.sets(pool, n, 0)
        optimum = GaussianDenoiser.fit(training.images.double())
        for sigma in plan.sigmas:
            at = found.sel(n_train=n, sigma=sigma)
            for inputs, images in (("held-out", held_out.images), ("training", training.images)):
                clean = images.double().repeat(4, 1, 1, 1)
                noise = torch.from_numpy(np.random.default_rng(5).standard_normal(clean.shape))
                error = (optimum(clean + sigma * noise, float(sigma)) - clean).square().mean()
                assert float(at.predicted_denoising_error.sel(inputs=inputs)) == pytest.approx(float(error), rel=0.15)
            assert float(at.predicted_gap) > 0
    assert float(found.predicted_cosine[0]) < float(found.predicted_cosine[1]) < 1
