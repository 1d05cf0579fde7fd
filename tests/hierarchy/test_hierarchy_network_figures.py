"""The figures of networks on hierarchies are drawn from their saved results alone, and show what those hold."""

from pathlib import Path

import numpy as np
import pytest

from idealscore import paper_figs
from idealscore._support import results as _results
from idealscore.theory.hierarchy import HierarchyTheory

from drawing import draws_from_its_result

RESULTS = Path(paper_figs.__file__).parent / "results"


def saved(name):
    return _results.load(RESULTS / f"{name}.nc")


@pytest.mark.parametrize(("name", "panels"), [("hierarchy_reconstruction", 4), ("hierarchy_learning", 3)])
def test_draws_from_its_saved_result(name, panels):
    assert all(ax.get_xlabel() for ax in draws_from_its_result(name, panels))


def test_the_saved_reconstruction_holds_what_it_claims():
    """The network lies at the exact posterior within its errors and 0.1, and the closed forms are those of theory."""
    dataset = saved("hierarchy_reconstruction")
    assert float(dataset.epsilon_critical) == pytest.approx(HierarchyTheory(8, 3, 2).critical_epsilon)
    for channel in ("gaussian", "masking"):
        gap = np.abs(dataset[f"{channel}_reconstruction"] - dataset[f"{channel}_reconstruction_exact"])
        assert bool((gap <= 0.1 + 5 * dataset[f"{channel}_reconstruction_stderr"]).all())
        exact = dataset[f"{channel}_reconstruction_exact"]
        assert bool((exact.diff(exact.dims[0]) < 0.05).all())


def test_the_saved_learning_curves_hold_what_they_claim():
    """More strings bring the network closer to exact belief propagation; few leave it at the blind end."""
    dataset = saved("hierarchy_learning")
    middle = dataset.isel(sigma=dataset.sizes["sigma"] // 2)
    assert float(middle.total_variation[0]) > 2 * float(middle.total_variation[-1])
    assert int(middle.effective_k[0]) > int(middle.effective_k[-1])
    expected = [HierarchyTheory(8, 3, 2).sample_complexity(level) for level in (1, 2, 3)]
    np.testing.assert_allclose(dataset.sample_complexity[1:], expected)


def test_with_enough_strings_the_networks_come_close_to_belief_propagation():
    found = saved("hierarchy_reconstruction")
    for channel in ("gaussian", "masking"):
        apart, error = found[f"{channel}_total_variation"], found[f"{channel}_total_variation_stderr"]
        assert float((apart + error).max()) < 0.05
        assert float(apart.max()) > 10 * float(error.max())  # it is not the error that is measured
