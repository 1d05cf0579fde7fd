"""Sweeps: the same results for any workers, nothing done twice, nothing lost, and each kind of bad input refused."""

import json
from functools import partial

import numpy as np
import pytest
import xarray as xr

import idealscore
from idealscore import sweeping
from idealscore._support import results as _results
from idealscore._support.files.leftovers import this_host
from idealscore.cli import main
from idealscore.errors import ArgumentError, ClusterError, DataFileError, EmptyDataError, OutputError, UnknownNameError
from idealscore.sweeping import Grid
from idealscore.sweeping import _results as reading
from idealscore.sweeping import functions as naming

import sweep_functions as functions

sweep = partial(idealscore.sweep, workers=0)


def files(folder):
    return {p.name: p.read_bytes() for p in sorted((folder / "points").rglob("*.nc"))}


def calls(folder):
    return [int(line) for line in (folder / "calls").read_text().split()] if (folder / "calls").exists() else []


def test_numbers_over_a_grid(tmp_path):
    found = sweep(functions.affine, {"a": [3, 1, 2]}, tmp_path / "s", seeds=2, fixed={"b": 0.5})
    assert dict(found.sizes) == {"a": 3, "seed": 2} and found.a.values.tolist() == [3, 1, 2]
    np.testing.assert_array_equal(found.q, 2.0 * found.a + 0.5 + 0 * found.seed)
    np.testing.assert_array_equal(found.seed_squared.sel(a=1), [0, 1])
    assert found.seed_squared.dtype == np.int64 and found.even.dtype == bool
    assert found.even.sel(a=2).all() and not found.even.sel(a=3).any()
    assert (found.sweep_error == "").all() and found.attrs["finished"] == 6 and found.attrs["failed"] == 0
    assert found.attrs["function"] == "sweep_functions:affine" and "idealscore" in found.attrs


def test_every_point_is_a_netcdf_file_of_its_own(tmp_path):
    sweep(functions.affine, {"a": [1, 2]}, tmp_path / "s")
    sweep(functions.profile, {"slope": [1.0]}, tmp_path / "t")
    for name, variables in (("s", {"q", "seed_squared", "even"}), ("t", {"q", "kind", "ends"})):
        point = xr.load_dataset(tmp_path / name / "points/0000/0000000.nc")
        assert set(point.data_vars) == variables
        assert json.loads(point.attrs["point"]) in ({"a": 1}, {"slope": 1.0})


def test_datasets_keep_their_dimensions_and_labels(tmp_path):
    found = sweep(functions.profile, {"slope": [1.0, 2.0], "word": ["line", "curve"]}, tmp_path / "s")
    assert found.q.dims == ("slope", "word", "x") and found.side.values.tolist() == ["left", "right"]
    np.testing.assert_array_equal(found.q.sel(slope=2.0, word="line"), 2 * found.x)
    assert found["ends"].sel(slope=2.0, side="right").values.tolist() == [2.0, 2.0]
    array = sweep(functions.image, {"size": [1, 2]}, tmp_path / "t")
    assert array.q.dims == ("size", "row", "column") and float(array.q.sum()) == 18.0


def test_assembly_is_lazy_and_reads_only_what_is_asked_for(tmp_path, monkeypatch):
    out = tmp_path / "s"
    sweep(functions.image, {"size": list(range(20))}, out)
    read = []
    original = reading.PointReader.read
    monkeypatch.setattr(reading.PointReader, "read", lambda self, i, name: read.append(i) or original(self, i, name))
    found = sweeping.results(out)
    assert read == []
    assert float(found.q.isel(size=7, row=0, column=1)) == 7.0 and read == [7]
    assert found.q.isel(size=slice(3, 5)).values.shape == (2, 2, 3) and read == [7, 3, 4]


@pytest.mark.other_process
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_any_number_of_workers_gives_the_same_bytes(tmp_path, workers):
    grid = {"scale": [0.1, 1.0]}
    sweep(functions.sums, grid, tmp_path / "here", seeds=2)
    idealscore.sweep(functions.sums, grid, tmp_path / "there", seeds=2, workers=workers)
    assert files(tmp_path / "here") == files(tmp_path / "there") and len(files(tmp_path / "here")) == 4


@pytest.mark.other_process
@pytest.mark.slow
def test_sixteen_workers_give_the_bytes_of_one(tmp_path):
    grid = {"scale": [0.1, 1.0, 3.0]}
    for workers in (1, 2, 16):
        idealscore.sweep(functions.sums, grid, tmp_path / str(workers), seeds=8, workers=workers)
    assert files(tmp_path / "1") == files(tmp_path / "2") == files(tmp_path / "16")


def test_a_repeated_call_computes_only_what_is_missing(tmp_path):
    run = partial(sweep, functions.counted, {"a": [0, 1, 2, 3]}, tmp_path / "s", fixed={"folder": str(tmp_path)})
    first = run().load()
    assert calls(tmp_path) == [0, 1, 2, 3]
    (tmp_path / "s/points/0000/0000002.nc").unlink()
    assert run().identical(first) and calls(tmp_path) == [0, 1, 2, 3, 2]
    assert run().identical(first) and calls(tmp_path) == [0, 1, 2, 3, 2]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign"])
def test_a_damaged_point_is_noticed_and_made_again(tmp_path, damage):
    run = partial(sweep, functions.counted, {"a": [0, 1]}, tmp_path / "s", fixed={"folder": str(tmp_path)})
    first = run().load()
    path = tmp_path / "s/points/0000/0000001.nc"
    whole = path.read_bytes()
    flipped = bytes([*whole[:900], whole[900] ^ 4, *whole[901:]])
    path.write_bytes({"truncate": whole[:-100], "flip": flipped, "empty": b"", "foreign": b"hello" * 99}[damage])
    with pytest.raises(DataFileError, match=r"0000001\.nc is damaged"):
        sweeping.results(tmp_path / "s").load()
    with pytest.warns(UserWarning, match="1 damaged result"):
        again = run()
    assert again.identical(first) and path.read_bytes() == whole and calls(tmp_path) == [0, 1, 1]


def test_a_failing_point_is_recorded_and_stops_nothing(tmp_path):
    out = tmp_path / "s"
    found = sweep(functions.fails_at_two, {"a": [1, 2, 3]}, out)
    np.testing.assert_array_equal(found.q, [1.0, np.nan, 3.0])
    assert found.sweep_error.values.tolist() == ["", "ValueError: two is too much", ""]
    record = json.loads((out / "failed/0000001.json").read_text())
    assert record["point"] == {"a": 2} and "fails_at_two" in record["traceback"]
    assert sweep(functions.fails_at_two, {"a": [1, 2, 3]}, out).attrs["failed"] == 1
    (out / "failed/0000001.json").write_text(json.dumps({"error": "left from before"}))
    kept = sweep(functions.fails_at_two, {"a": [1, 2, 3]}, out)
    assert kept.sweep_error.values[1] == "left from before"
    tried = sweep(functions.fails_at_two, {"a": [1, 2, 3]}, out, retry=True)
    assert tried.sweep_error.values[1] == "ValueError: two is too much"


def test_results_that_fit_no_grid_are_failures(tmp_path):
    with pytest.raises(EmptyDataError, match="returned str"):
        sweep(functions.text, {"a": [1]}, tmp_path / "s")


@pytest.mark.parametrize("kind", ["number", "mapping", "variable", "dimension", "sweep_error"])
def test_a_result_named_like_an_axis_stops_the_sweep_at_its_first_point(tmp_path, kind):
    name = "sweep_error" if kind == "sweep_error" else "a"
    with pytest.raises(ArgumentError, match=f"returns a '{name}'"):
        sweep(functions.clashes, {"a": [1, 2, 3]}, tmp_path / "s", fixed={"kind": kind, "log": str(tmp_path / "log")})
    assert (tmp_path / "log").read_text() == "1\n"
    assert not list((tmp_path / "s").rglob("0000000.nc"))


def test_points_of_different_shape_cannot_be_joined(tmp_path):
    found = sweep(functions.growing, {"n": [2, 3]}, tmp_path / "s")
    assert found.q.isel(n=0).values.tolist() == [0.0, 1.0]
    with pytest.raises(DataFileError, match=r"0000001\.nc cannot be joined.*shape of q"):
        found.q.load()


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_the_guilty_point_recorded(tmp_path):
    grid = {"a": list(range(6))}
    found = idealscore.sweep(functions.deadly, grid, tmp_path / "s", workers=2)
    assert found.q.values[[0, 1, 2, 4, 5]].tolist() == [0, 1, 2, 4, 5]
    assert "worker died" in str(found.sweep_error.values[3]) and found.attrs["failed"] == 1
    flag = {"flag": str(tmp_path / "flag")}
    lucky = idealscore.sweep(functions.dies_once, grid, tmp_path / "t", workers=2, fixed=flag)
    assert lucky.q.values.tolist() == [0, 1, 2, 3, 4, 5] and lucky.attrs["failed"] == 0


@pytest.mark.parametrize(
    ("grid", "options", "error", "words"),
    [
        ({"c": [1]}, {}, UnknownNameError, "unknown name 'c'"),
        ({"a": [1]}, {"fixed": {"colour": 2}}, UnknownNameError, "colour"),
        ([("a", [1]), ("a", [2])], {}, ArgumentError, "names 'a' twice"),
        ({"a": [1], "seed": [0]}, {"seeds": 2}, ArgumentError, "names 'seed' twice"),
        ({"a": [1]}, {"fixed": {"a": 2}}, ArgumentError, "names 'a' twice"),
        ({"a": [1, 2, 1]}, {}, ArgumentError, "1 twice on axis 'a'"),
        ({"a": [1, 1.0]}, {}, ArgumentError, "twice on axis"),
        ({"a": []}, {}, EmptyDataError, "no value"),
        ({}, {}, EmptyDataError, "no axis"),
        ({"a": [1]}, {"seeds": 0}, ArgumentError, "seeds"),
        ({"a": "abc"}, {}, ArgumentError, "not a list"),
        ({"a": 3}, {}, ArgumentError, "not a list"),
        ({"a": [1, "x"]}, {}, ArgumentError, "'x' on axis"),
        ({"a": [True, 1]}, {}, ArgumentError, "on axis"),
        ({"a": [float("nan")]}, {}, ArgumentError, "nan"),
        ({"a": [None]}, {}, ArgumentError, "None"),
        ({"a": range(10**9)}, {}, ArgumentError, "values"),
        ({"a": range(10**4), "b": range(10**4)}, {}, ArgumentError, "points"),
        ({"b": [1]}, {}, ArgumentError, "leaves a open"),
        ({"a b": [1]}, {}, ArgumentError, "axis 'a b'"),
        ({"a": [1]}, {"workers": -1}, ArgumentError, "workers"),
        ({"a": [1]}, {"fixed": {"b": object()}}, ArgumentError, "fixed"),
    ],
)
def test_a_bad_grid_is_refused_before_anything_is_written(tmp_path, grid, options, error, words):
    with pytest.raises(error, match=words):
        sweep(functions.affine, grid, tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()


def local(a):
    return a


local.__module__ = "__main__"


def test_functions_that_workers_cannot_import_are_refused(tmp_path):
    def inner(a):
        return a

    cases = [
        (lambda a: a, "a lambda"),
        (inner, "inside another function"),
        (local, "script or notebook"),
        (partial(functions.affine, b=2), "not a function with a name"),
        (functions.Machine().method, "another object"),
        (3, "not a function with a name"),
    ]
    for function, words in cases:
        with pytest.raises(ArgumentError, match=rf"{words}.*by `def` at the top of a module"):
            sweep(function, {"a": [1]}, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_function_that_only_this_process_can_import_is_refused_before_submitting(tmp_path, monkeypatch):
    import sys
    from types import ModuleType

    def f(a):
        return a

    module = ModuleType("only_here")
    f.__module__, f.__qualname__, module.__dict__["f"] = "only_here", "f", f
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(ArgumentError, match=r"a worker cannot import only_here:f.*install the module on the workers"):
        idealscore.sweep(f, {"a": [1]}, tmp_path / "s", workers=1)
    assert files(tmp_path / "s") == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ((functions.affine, {"a": [1, 3]}, {}), r"a \[1, 2\] there, \[1, 3\] here"),
        ((functions.affine, {"a": [1, 2]}, {"fixed": {"b": 4}}), "b not given there, 4 here"),
        ((functions.affine, {"a": [1, 2]}, {"seeds": 2}), r"seed not given there, \[0, 1\] here"),
        ((functions.fails_at_two, {"a": [1, 2]}, {}), "sweep_functions:affine there, sweep_functions:fails_at_two"),
    ],
)
def test_the_folder_of_another_sweep_is_refused_with_the_difference(tmp_path, call, words):
    sweep(functions.affine, {"a": [1, 2]}, tmp_path / "s")
    before = files(tmp_path / "s")
    with pytest.raises(OutputError, match=f"another sweep: .*{words}"):
        sweep(call[0], call[1], tmp_path / "s", **call[2])
    assert files(tmp_path / "s") == before


def test_other_folders_and_damaged_descriptions_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        sweep(functions.affine, {"a": [1]}, tmp_path)
    out = tmp_path / "s"
    sweep(functions.affine, {"a": [1]}, out)
    for text in ("{", "[]", '{"format": 1}', "[" * 99_999, '{"axes": {}}'):
        (out / "sweep.json").write_text(text)
        with pytest.raises(OutputError, match=r"sweep\.json is damaged"):
            sweep(functions.affine, {"a": [1]}, out)
        with pytest.raises(DataFileError, match=r"sweep\.json is damaged"):
            sweeping.results(out)
    with pytest.raises(DataFileError, match="holds no sweep"):
        sweeping.results(tmp_path / "nothing")


def test_a_changed_function_is_noticed(tmp_path, monkeypatch):
    out = tmp_path / "s"
    sweep(functions.affine, {"a": [1]}, out)
    monkeypatch.setattr(naming, "source_digest", lambda function: "other")
    with pytest.warns(UserWarning, match="the function has changed"):
        sweep(functions.affine, {"a": [1]}, out)


def test_points_run_on_one_thread_and_leave_the_setting_alone(tmp_path):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        sweep(functions.sums, {"scale": [1.0]}, tmp_path / "s", seeds=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_grid_enumerates_a_product():
    grid = Grid.of({"a": [1, 2], "b": ["x", "y", "z"]})
    listed = [grid.point(i) for i in range(len(grid))]
    assert listed[:4] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "z"}, {"a": 2, "b": "x"}]
    assert len({json.dumps(p) for p in listed}) == 6
    assert Grid.of({"a": np.linspace(0, 1, 3)}).point(1) == {"a": 0.5}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "nowhere", "tcp://[::1"])
def test_no_scheduler_no_sweep(tmp_path, address):
    pytest.importorskip("distributed")
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        idealscore.sweep(functions.affine, {"a": [1]}, tmp_path / "s", cluster=address)


def test_a_sweep_without_results_gives_way(tmp_path):
    with pytest.raises(EmptyDataError):
        sweep(functions.text, {"a": [1]}, tmp_path / "s")
    with pytest.raises(OutputError, match="another sweep"):
        sweep(functions.affine, {"a": [1]}, tmp_path / "s")
    (tmp_path / "s/failed/0000000.json").unlink()
    assert sweep(functions.affine, {"a": [1]}, tmp_path / "s").attrs["finished"] == 1


CONFIG = """
function = "{function}"
seeds = {seeds}
workers = 0
[grid]
{grid}
[fixed]
{fixed}
"""


def test_the_command_computes_and_repeats(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    grid = "size = [8, 12]\np = {linspace = [0.5, 0.7, 3]}"
    (tmp_path / "c.toml").write_text(CONFIG.format(function="percolate", seeds=2, grid=grid, fixed="runs = 4"))
    for _ in range(2):
        assert main(["sweep", "c.toml"]) == 0
        said = capsys.readouterr().out
        assert "12 of 12 points finished, 0 failed" in said and "sweep-c/sweep.nc" in said
    found = _results.load(tmp_path / "sweep-c/sweep.nc")
    assert dict(found.sizes) == {"size": 2, "p": 3, "seed": 2} and found.p.values.tolist() == [0.5, 0.6, 0.7]
    assert (found.largest.sel(p=0.7) > found.largest.sel(p=0.5)).all() and "largest_stderr" in found


def test_the_command_reports_failures_and_asks_before_foreign_code(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = CONFIG.format(function="sweep_functions:fails_at_two", seeds=1, grid="a = [1, 2, 3]", fixed="")
    (tmp_path / "c.toml").write_text(text.replace("seeds = 1", ""))
    assert main(["sweep", "c.toml"]) == 2
    assert "add --allow sweep_functions" in capsys.readouterr().err
    assert main(["sweep", "c.toml", "--allow", "sweep_functions", "--out", "s"]) == 2
    said = capsys.readouterr()
    assert "2 of 3 points finished, 1 failed" in said.out
    assert "1 point(s) failed, the first with ValueError: two is too much; see s/failed, then --retry" in said.err


def test_the_command_trains_over_widths(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fixed = "steps = 8\nbatch = 16\nn_train = 40\ndepth = 1\nsigmas = [0.5, 2.0]"
    (tmp_path / "c.toml").write_text(CONFIG.format(function="train", seeds=1, grid="width = [4, 8]", fixed=fixed))
    assert main(["sweep", "c.toml"]) == 0
    found = _results.load(tmp_path / "sweep-c/sweep.nc")
    assert dict(found.sizes) == {"width": 2, "seed": 1, "split": 2, "sigma": 2}
    assert (found.mse_stderr > 0).all() and (found.parameters.sel(width=8) > found.parameters.sel(width=4)).all()


def test_a_sweep_that_was_killed_while_it_took_its_folder_goes_on(tmp_path):
    (tmp_path / f".sweep.json.{this_host()}-{2**22 + 1}-1.abc.part").write_text("{")
    assert sweep(functions.affine, {"a": [1]}, tmp_path).attrs["finished"] == 1
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.slow
def test_a_worker_that_grows_is_kept(tmp_path):
    found = idealscore.sweep(functions.keeps, {"megabytes": [1, 350, 2, 3]}, tmp_path / "s", workers=1)
    assert len(set(found.q.values.tolist())) == 1
