"""Functions of sweeps by name: those of ours that have moved are found, and their sweeps go on."""

import json

import pytest

import idealscore
from idealscore import sweeping
from idealscore.errors import OutputError
from idealscore.sweeping import Grid, functions
from idealscore.theory.percolation import giant_component

DEGREES = {"degrees": [0.5, 2.0, 3.0]}
OLD = "idealscore.theory.graphs_of_an_old_version:giant_component"


def rename(folder, name):
    """The sweep as an older version would have described it."""
    described = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps({**described, "function": name}))


@pytest.mark.parametrize("old", [OLD, "idealscore.theory.percolation:giant_component"])
def test_a_sweep_of_a_function_of_ours_goes_on_after_the_function_has_moved(tmp_path, old):
    first = idealscore.sweep(giant_component, DEGREES, tmp_path / "s", workers=0).load()
    rename(tmp_path / "s", old)
    (tmp_path / "s/points/0000/0000001.nc").unlink()
    assert idealscore.sweep(giant_component, DEGREES, tmp_path / "s", workers=0).q.equals(first.q)
    assert sweeping.results(tmp_path / "s").attrs["function"] == old


@pytest.mark.parametrize(
    "other",
    [
        "elsewhere:giant_component",
        "idealscore.theory.percolation:bipartite_giant",
        "idealscore.theory.old_version:nothing_like_it",
        "idealscore.__main__:giant_component",
        "idealscore.nothing:giant_component",
    ],
)
def test_the_sweep_of_another_function_is_refused(tmp_path, other):
    idealscore.sweep(giant_component, DEGREES, tmp_path / "s", workers=0)
    rename(tmp_path / "s", other)
    with pytest.raises(OutputError, match="another sweep: function"):
        idealscore.sweep(giant_component, DEGREES, tmp_path / "s", workers=0)


def test_a_function_of_ours_is_found_by_its_old_name_if_there_is_exactly_one():
    assert functions.find(OLD) is giant_component
    with pytest.raises(ModuleNotFoundError):
        functions.find("idealscore.simulate.strings_of_an_old_version:sample")  # of grammars, or of diffusion?
    with pytest.raises(ModuleNotFoundError):
        functions.find("nowhere.theory:giant_component")


def test_a_grid_says_in_one_line_what_it_is():
    assert repr(Grid.of({"p": [0.1, 0.2], "size": [8]}, seeds=3)) == "Grid(p: 2, size: 1, seed: 3; 6 points)"
