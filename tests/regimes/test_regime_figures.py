"""The figures on memorisation and generalisation: saved results are drawn and show what is said of them."""

from pathlib import Path

import numpy as np
import pytest

from idealscore import paper_figs
from idealscore._support import results as _results
from idealscore.errors import UnknownNameError
from idealscore.paper_figs import catalogue
from idealscore.paper_figs._layout import layout_faults
from idealscore.paper_figs.networks import _regime_runs

RESULTS = Path(paper_figs.__file__).parent / "results"
NAMES = (
    "capacity_and_stopping", "linearity_by_size", "regime_map", "reproducibility_by_size", "score_differences",
)  # fmt: skip
TINY = {
    "sizes": (16, 128, 1400), "widths": (8, 16), "steps": 10, "batch": 8, "snapshots": 2, "first_step": 1, "levels": 3,
    "repeats": 2, "n_images": 12, "n_pairs": 6, "n_samples": 6,
}  # fmt: skip


def figure_module(name):
    return catalogue.figure_module(name)


def saved(name):
    return _results.load(RESULTS / f"{name}.nc")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(0.5)
def test_the_saved_result_is_drawn_and_nothing_overlaps(name):
    from matplotlib import pyplot as plt

    figure = figure_module(name).draw(saved(name))
    assert layout_faults(figure) == []
    plt.close(figure)
    assert (RESULTS / f"{name}.nc").stat().st_size < 1_000_000


@pytest.mark.slow
def test_the_computations_share_their_runs_and_make_what_was_saved(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(_regime_runs.PLANS, "small", TINY)
    monkeypatch.setattr(_regime_runs, "WORKERS", 1)
    monkeypatch.setattr(figure_module("score_differences"), "POINTS", 800)
    for name in NAMES:
        made = figure_module(name).compute("small", seed=1)
        assert set(made.data_vars) == set(saved(name).data_vars)
        assert all(made[key].dims == saved(name)[key].dims for key in made.data_vars)
    assert [path.name for path in (tmp_path / "idealscore").iterdir()] == ["regimes-small-seed1"]
    with pytest.raises(UnknownNameError, match="scale"):
        figure_module("regime_map").compute("huge")


def _pull(one, other):
    """Difference of two estimates in standard errors."""
    return float((one[0] - other[0]) / np.hypot(one[1], other[1]))


def _at(part, name):
    return float(part[name]), float(part[f"{name}_stderr"])


def test_small_sets_are_memorised_and_large_ones_are_not():
    widest = saved("reproducibility_by_size").isel(width=-1)
    few, many = widest.sel(n_train=16), widest.sel(n_train=1400)
    assert few.memorised > 0.9 and few.generalisation_distance < 0.1 * few.held_out_generalisation_distance
    assert many.memorised < 0.01
    assert float(few.rp_to_optimum.sel(theory="empirical")) > 0.8


def test_reproducibility_dips_and_disjoint_halves_agree_better_than_with_their_optimum():
    widest = saved("reproducibility_by_size").isel(width=-1)
    for measure, sign in (("mae", 1), ("rmse", -1)):
        curve = sign * widest[f"{measure}_same"]
        dip = _at(widest.isel(n_train=int(curve.argmin("n_train"))), f"{measure}_same")
        ends = [_at(widest.isel(n_train=i), f"{measure}_same") for i in (0, -1)]
        assert all(sign * _pull(end, dip) > 3 for end in ends), measure
    halves = widest.isel(n_train=int((widest.overlap == 0).sum()) - 1)
    assert float(halves.n_train) == 800 and float(halves.overlap) == 0
    for measure in ("rp", "cosine"):
        own = _at(halves.sel(theory="empirical"), f"{measure}_to_optimum")
        assert _pull(_at(halves, f"{measure}_disjoint"), own) > 3
    small = widest.sel(n_train=16)
    assert _pull(_at(small.sel(theory="empirical"), "cosine_to_optimum"), _at(small, "cosine_disjoint")) > 5


def test_the_two_crossovers_are_apart_and_move_up_with_training():
    result = saved("regime_map").isel(width=-1)
    last = result.isel(step=-1)
    copies, agreement = (_at(last.sel(criterion=name), "crossover") for name in ("copies", "agreement"))
    assert _pull(agreement, copies) > 3
    rising = result.crossover.sel(criterion="agreement").dropna("step").values
    assert len(rising) >= 3 and (np.diff(rising) > 0).all()


def test_generalising_networks_are_more_linear_than_memorising_ones():
    widest = saved("linearity_by_size").isel(width=-1)
    worst = widest.isel(sigma=int(widest.linearity.mean("n_train").argmin("sigma")))
    assert _pull(_at(worst.sel(n_train=16384), "linearity"), _at(worst.sel(n_train=64), "linearity")) > 3
    empirical = worst.sel(theory="empirical")
    assert (empirical.optimum_linearity < 0.8).all()


def test_early_stopping_passes_near_the_gaussian_optimum():
    result = saved("capacity_and_stopping").isel(width=-1).sel(theory="gaussian")
    middle = result.sel(sigma=0.7, method="nearest")
    few, many = (middle.sel(n_train=n) for n in (64, 16384))
    best = few.isel(step=int(few.rmse.argmin("step")))
    assert float(best.step) < 2000 and _pull(_at(few.isel(step=-1), "rmse"), _at(best, "rmse")) > 3
    assert int(many.rmse.argmin("step")) == many.sizes["step"] - 1  # the control: many images leave it nowhere


def test_words_follow_the_numbers_of_a_result():
    from idealscore.paper_figs.networks import regime_map
    from idealscore.paper_figs.reproducibility import by_size

    found = saved("reproducibility_by_size")
    assert "dips by" in by_size.findings(found).disagreement
    rising = found.assign(rp_same=found.rp_same * 0 + found.n_train / 1400)
    assert "does not dip" in by_size.findings(rising).disagreement
    near = found.assign(generalisation_distance=found.held_out_generalisation_distance * 0.5)
    told = [by_size.findings(one).disagreement for one in (found, near)]
    assert "farther from training" in told[0] and "nearer to training" in told[1]
    found = saved("regime_map")
    assert "no crossover" not in regime_map.findings(found).measured
    assert "no crossover" in regime_map.findings(found.assign(crossover=found.crossover * np.nan)).measured


def test_words_on_linearity_and_early_stopping_say_the_opposite_when_the_numbers_do():
    from idealscore.paper_figs.networks import capacity_and_stopping, linearity_by_size

    found = saved("linearity_by_size")
    assert "linearity rises with" in linearity_by_size.findings(found).disagreement
    falling = found.assign(linearity=found.linearity.isel(n_train=slice(None, None, -1)).variable)
    assert "linearity does not rise" in linearity_by_size.findings(falling).disagreement

    found = saved("capacity_and_stopping")
    told = capacity_and_stopping.findings(found)
    assert "the distance rises late at n = 64" in told.disagreement
    backwards = found.assign(rmse=found.rmse * 0 + 1 / found.step)
    assert "does not rise late at any size" in capacity_and_stopping.findings(backwards).disagreement
    # the width that comes nearest is the one whose distance is least
    for width in found.width.values:
        nearer = found.assign(rmse=found.rmse.where(found.width != width, 1e-3 * found.rmse))
        assert f"width {width} comes nearest" in capacity_and_stopping.findings(nearer).disagreement
