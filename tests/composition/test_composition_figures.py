"""Each figure on composition draws its saved result, and its computation runs at a tiny size."""

from pathlib import Path

import numpy as np
import pytest

from idealscore import paper_figs
from idealscore._support import results as _results
from idealscore.errors import UnknownNameError
from idealscore.paper_figs import catalogue

RESULTS = Path(paper_figs.__file__).parent / "results"
NAMES = ("order", "laws", "frequency", "adversarial", "swing_by")
TINY = {"seeds": 2, "steps": 4, "every": 2, "per_class": 20, "n_samples": 4, "levels": 3, "n_probe": 60}


def saved(name):
    return _results.load(RESULTS / f"composition_{name}.nc")


def figure(name):
    return catalogue.figure_module(f"composition_{name}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(0.5)
def test_the_saved_result_is_drawn_and_readable(name):
    from matplotlib import pyplot as plt

    from idealscore.paper_figs._layout import layout_faults

    drawn = figure(name).draw(saved(name))
    assert len(drawn.axes) >= 2 and layout_faults(drawn) == []
    plt.close(drawn)
    told = figure(name).findings(saved(name))
    assert all((told.predicted, told.measured, told.disagreement))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(0.5)
def test_the_computation_makes_what_was_saved(name, monkeypatch):
    from idealscore.compare.concepts.training import with_options
    from idealscore.paper_figs.composition import _runs as _composition_runs
    from idealscore.paper_figs.composition import frequency as composition_frequency
    from idealscore.paper_figs.composition import swing_by as composition_swing_by

    preset = _composition_runs.concept_plan
    tiny = lambda *given, **options: with_options(preset(*given, **options), **TINY)  # noqa: E731
    monkeypatch.setattr(_composition_runs, "concept_plan", tiny)
    monkeypatch.setattr(_composition_runs, "_study", _composition_runs._study.__wrapped__)
    monkeypatch.setitem(composition_frequency.PLAN, "small", {"kept": (0, 2, 8, 20), "every": 2})
    options = {"rate": 0.05, "steps": 40, "every": 10, "seeds": 2}
    monkeypatch.setitem(composition_swing_by.PLAN, "small", options)
    made = figure(name).compute("small", seed=1)
    before = saved(name)
    assert set(made.data_vars) == set(before.data_vars)
    assert all(made[key].dims == before[key].dims for key in made.data_vars)
    with pytest.raises(UnknownNameError, match="scale"):
        figure(name).compute("huge")


def test_the_saved_study_shows_order_product_and_slowest_concept():
    from idealscore.compare import by_distance, composition
    from idealscore.paper_figs.composition.laws import unseen_rms

    study = saved("laws")
    found = by_distance(study)
    assert (np.diff(found.time) > 0).all() and (found.gap > 2 * found.gap_stderr).all()
    rms, _ = unseen_rms(study)
    assert rms["multiplicative"] < 0.03 and rms["additive"] > 0.1
    half = composition(study[["joint", "accuracy"]], threshold=0.5)
    assert (half.lag.sel({"class": "111"}) <= float(study.step[1] - study.step[0])).all()


def test_linear_networks_swing_by_as_predicted():
    from idealscore.paper_figs.composition.swing_by import losses_on_the_way

    result = saved("swing_by")
    mean = result.mean("seed")
    assert float(abs(mean.loss - mean.loss_field).max()) < 0.04
    late = result.sel(time=slice(1.5, None))
    assert float(abs(late.loss - late.loss_field).max()) < 0.02
    fall, rise = mean.turning.values
    low, high = (float(mean.loss.sel(time=t, method="nearest")) for t in (fall, rise))
    assert low < 0.46 and high > low + 0.02
    assert set(losses_on_the_way(result)) == {"011", "101", "110"}


@pytest.mark.parametrize("n", [200, 5000])
def test_finite_samples_of_clusters_have_the_strength_of_theory(n):
    """a_p of n points per cluster: its error is that of a mean of squares, ~ 1 / sqrt(n); 4 sigma over 2 concepts."""
    from idealscore.paper_figs.composition._swing_by_runs import DIMENSION, PER_CLUSTER, clusters
    from idealscore.theory import SwingBy

    means, spread = np.array([1.0, 2.0]), 0.5
    points = clusters(means, spread, 3).reshape(2, PER_CLUSTER, DIMENSION)[:, :n].reshape(-1, DIMENSION)
    found = np.diag(points.T @ points / len(points))
    variance = (4 * means**2 * spread**2 + 2 * spread**4 + 2 * spread**4) / 4 / n
    assert (np.abs(found[:2] - SwingBy(means, spread).strength) < 4 * np.sqrt(variance)).all()
    assert (found[2:] == 0).all()
