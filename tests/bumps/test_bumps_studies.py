"""Studies on bumps at a tiny size, their tables and command, the figures that ship; composition itself when slow."""

import json
from dataclasses import replace

import numpy as np
import pytest

from idealscore.cli import main
from idealscore.compare import bumps
from idealscore.compare.bumps import plan
from idealscore.compare.bumps._percolation_of_accuracy import connected_share
from idealscore.compare.bumps._table import records, table
from idealscore.errors import UnknownNameError
from idealscore.paper_figs import catalogue
from idealscore.paper_figs.bumps._runs import study
from idealscore.simulate.bumps import BumpCanvas
from idealscore.simulate.bumps.labels import random_share

FIGURES = {
    "held_out": "held_out_composition",
    "representation": "bump_representation",
    "tangents": "bump_representation",
    "percolation": "percolation_of_accuracy",
    "data_efficiency": "data_efficiency",
}
STUDIES = {
    "held-out": "held_out_composition",
    "efficiency": "data_efficiency",
    "representation": "bump_representation",
    "percolation": "percolation_of_accuracy",
}


@pytest.fixture(scope="module")
def tiny():
    chosen = plan("small")
    train = replace(chosen.recipe.train, steps=6, batch=8, checkpoint_every=3)
    recipe = replace(chosen.recipe, options={"width": 4, "multipliers": (1, 2), "blocks": 1}, train=train, levels=2)
    sizes = {
        "canvas": BumpCanvas(6),
        "torus": BumpCanvas(6, periodic=True),
        "sizes": (6,),
        "counts": ((1.0, 3.0), (0.5, 2.0)),
    }
    return replace(chosen, recipe=recipe, widths=(0.5,), shares=(0.2, 0.5), seeds=2, **sizes)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.sampled(0.5)
def test_studies_measure_and_resume(name, tiny, tmp_path):
    function = getattr(bumps, STUDIES[name])
    first, again = function(tiny, 3, tmp_path), function(tiny, 3, tmp_path)
    assert first.equals(again) and first.attrs["seeds"] == 2
    rows = records(name, first)
    json.dumps(rows, allow_nan=False)
    assert len(table(rows).splitlines()) == len(rows) + 1
    shares = [variable for variable in first.data_vars if str(variable) in ("accuracy", "unseen", "connected")]
    for variable in shares:
        values = first[variable].values
        assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()


def test_sets_are_what_they_say(tiny):
    result = bumps.held_out_composition(tiny, 0)
    kept = 16  # 6 x 6 places less two rows and two columns
    assert result.examples.values.tolist() == [kept, 12, 6, 18, 28]
    assert result.tested.values.tolist() == [16, 8, 8, 4]


def test_the_connected_share_is_that_of_a_graph():
    import networkx as nx

    canvas = BumpCanvas(8, width=0.35)
    centres = canvas.centres()
    for seed in range(5):
        chosen = random_share(centres, 0.4, seed)
        kept = (centres[:, None] == chosen).all(-1).any(1)
        graph = nx.Graph()
        graph.add_nodes_from(range(len(chosen)))
        apart = ((chosen[:, None] - chosen) ** 2).sum(-1)
        graph.add_edges_from(np.argwhere(np.triu(np.exp(-apart / (4 * 0.35**2)) >= 0.005, 1)))
        largest = max(map(len, nx.connected_components(graph)))
        assert connected_share(kept, canvas, 0.005) == pytest.approx(largest / len(chosen))
        assert connected_share(kept, BumpCanvas(8, width=0.2), 0.005) == pytest.approx(1 / kept.sum())


def test_simulated_bumps_connect_where_predicted():
    """Share kept at which half of it is connected, 32 x 32 places with borders, 4 and 8 neighbours."""
    from idealscore.paper_figs.percolation.bumps import connected_fraction

    shares = np.linspace(0.3, 0.7, 401)
    for width, wanted in ((0.25, 0.5889), (0.35, 0.4014)):
        curve = connected_fraction(width, 0.005, shares, 32, 800, seed=2)
        assert float(np.interp(0.5, curve, shares)) == pytest.approx(wanted, abs=0.004)


def test_the_command_writes_a_table(tmp_path, capsys):
    options = ["--steps", "2", "--networks", "1", "--size", "6", "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(["bumps", "held-out", "--band", "2", "3", "--json", *options]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 20 and rows[0]["trained on"] == "bumps" and rows[0]["accuracy_stderr"] is None
    assert (tmp_path / "run" / "held-out.nc").exists()
    assert main(["bumps", "held-out", "--band", "2", "3", *options]) == 0
    assert "stripes + few bumps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["nothing"], "study"),
        (["representation", "--layer", "middel.1"], "middle.1"),
        (["held-out", "--band", "3.2", "3.8"], "holds no centre"),
        (["--shape", "ring"], "shape"),
        (["--kind", "blob"], "kind"),
        (["--scale", "huge"], "scale"),
        (["--size", "7"], "multipliers"),
    ],
)
def test_the_command_refuses_bad_input(options, named, tmp_path, capsys):
    assert main(["bumps", *options, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and named in error
    assert not (tmp_path / "run" / "held-out.nc").exists()


def test_an_unknown_scale_is_refused():
    with pytest.raises(UnknownNameError, match="scale"):
        study("data_efficiency", "huge", 0)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.sampled(0.5)
def test_figures_draw_what_their_study_makes(name, tiny, monkeypatch):
    from matplotlib import pyplot as plt

    module = catalogue.figure_module(f"bumps_{name}")
    monkeypatch.setattr("idealscore.compare.bumps.plans.plan", lambda scale: tiny)
    monkeypatch.setattr("idealscore.paper_figs.bumps._runs.plan", lambda scale: tiny)
    if name == "percolation":
        monkeypatch.setattr(module, "N_RUNS", {"small": 5})
        monkeypatch.setattr(module, "MATRICES", 2)
    made, shipped = module.compute("small", seed=1), catalogue.saved(f"bumps_{name}")
    assert set(made.data_vars) == set(shipped.data_vars)
    assert all(made[key].dims == shipped[key].dims for key in made.data_vars)
    figure = module.draw(made) if name != "representation" else module.draw(shipped)
    figure.canvas.draw()
    plt.close(figure)


def test_the_shipped_results_bear_out_the_claims():
    held_out = catalogue.saved("bumps_held_out").accuracy.sel(region="both")
    assert held_out.sel(set="stripes + bumps") > 0.7 > 0.3 > held_out.sel(set="bumps")
    torus = catalogue.saved("bumps_representation").sel(source="middle.1")
    assert (torus.distance.sel(reference="clifford") < torus.distance.sel(reference="three_torus")).all()


@pytest.mark.slow
def test_stripes_compose_where_bumps_alone_do_not():
    """A separate training run, with a negative control: bumps alone see the same places outside of the band."""
    chosen = replace(plan("small"), seeds=1)
    found = bumps.held_out_composition(chosen, seed=11).accuracy
    assert found.sel(set="stripes + bumps", region="both") >= 0.5
    assert found.sel(set="bumps", region="both") <= 0.25
    assert found.sel(set="bumps", region="neither") >= 0.9
