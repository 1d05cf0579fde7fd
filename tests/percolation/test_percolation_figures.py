"""Each percolation figure draws its saved result, and its computation runs at a tiny size."""

from pathlib import Path

import numpy as np
import pytest

from idealscore import paper_figs
from idealscore._support import results as _results
from idealscore.errors import UnknownNameError
from idealscore.paper_figs import catalogue

RESULTS = Path(paper_figs.__file__).parent / "results"
NAMES = ("collapse", "wrapping", "thresholds", "bumps", "clusters")
TINY = {
    "collapse": ("SIZES", {"small": ((8, 60), (16, 40))}),
    "wrapping": ("SIZES", {"small": ((6, 40), (8, 40))}),
    "thresholds": ("PLAN", {"small": {2: ((12, 150),), 3: ((4, 300), (8, 200))}}),
    "bumps": ("PLAN", {"small": (12, 10)}),
    "clusters": ("PLAN", {"small": (24, 12, 8)}),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_result_is_drawn(name):
    from matplotlib import pyplot as plt

    figure_module = catalogue.figure_module(f"percolation_{name}")
    dataset = _results.load(RESULTS / f"percolation_{name}.nc")
    figure = figure_module.draw(dataset)
    figure.canvas.draw()
    assert len(figure.axes) >= 2 and dataset.attrs["seed"] == "0"
    plt.close(figure)


@pytest.mark.parametrize("name", NAMES)
def test_the_computation_makes_what_was_saved(name, monkeypatch):
    figure_module = catalogue.figure_module(f"percolation_{name}")
    saved = _results.load(RESULTS / f"percolation_{name}.nc")
    monkeypatch.setattr(figure_module, *TINY[name])
    made = figure_module.compute("small", seed=1)
    assert set(made.data_vars) == set(saved.data_vars)
    assert all(made[key].dims == saved[key].dims for key in made.data_vars)
    with pytest.raises(UnknownNameError, match="scale"):
        figure_module.compute("huge")


def test_the_saved_thresholds_agree_with_the_literature():
    saved = _results.load(RESULTS / "percolation_thresholds.nc")
    pull = (saved.measured - saved.literature) / np.hypot(saved.measured_stderr, saved.literature_stderr)
    assert (abs(pull) < 5).all() and 0.1 < float((pull**2).mean()) < 3


def test_clusters_are_ranked_by_size():
    from idealscore.paper_figs.percolation.clusters import _ranks

    labels = np.array([[1, 1, 0], [2, 2, 2], [0, 0, 3]])
    assert _ranks(labels).tolist() == [[2, 2, 0], [1, 1, 1], [0, 0, 3]]
