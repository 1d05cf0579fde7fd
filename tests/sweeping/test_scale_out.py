"""Long commands shared by the workers of a Dask cluster or by processes: the files of a run alone, none left behind."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from known import known

from idealscore._support import results as _results
from idealscore.cli import main
from idealscore.compare.comparison import Comparison
from idealscore.compare.comparison.job import run_comparison
from idealscore.compare.regimes import RegimePlan, regime_map
from idealscore.errors import ArgumentError, ClusterError
from idealscore.learned.data import load
from idealscore.paper_figs import catalogue
from idealscore.sweeping._spread import spread

import sweep_functions as functions

TINY = RegimePlan(
    sizes=(4, 8), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"),
)  # fmt: skip
MODELS = "digits --levels 2 --n-images 4 --n-noise 1 --n-samples 4 --theories empirical gaussian --model a --model b"


def content(path):
    """What a result says but for times."""
    return _results.load(path).assign_attrs({_results.TIMING: None})


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(command):
    assert main(command.split()) == 0


@contextmanager
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started.scheduler_address


@pytest.fixture
def two_networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 0), ("b", 1)):
        run(f"train digits --network mlp --width 8 --steps 2 --seed {seed} --out {name}")
    return tmp_path


@pytest.mark.slow
@pytest.mark.other_process
@pytest.mark.filterwarnings("default")
def test_a_cluster_shares_a_regime_map(tmp_path):
    data = load("digits")
    regime_map(data, TINY, tmp_path / "alone", show=False)
    with cluster() as address:
        found = regime_map(data, TINY, tmp_path / "shared", cluster=address, show=False)
        trained = [p.stat().st_mtime_ns for p in (tmp_path / "shared").rglob("step-*")]
        regime_map(data, TINY, tmp_path / "shared", cluster=address, show=False)
    assert trained == [p.stat().st_mtime_ns for p in (tmp_path / "shared").rglob("step-*")]
    assert names(tmp_path / "alone") == names(tmp_path / "shared")
    assert "rmse" in found
    for name in names(tmp_path / "alone"):
        if name.endswith(".nc"):
            assert content(tmp_path / "alone" / name).identical(content(tmp_path / "shared" / name)), name


@pytest.mark.slow
@pytest.mark.other_process
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("how", ["cluster", "workers"])
def test_workers_share_the_models_of_a_comparison(two_networks, how):
    run(f"compare {MODELS} --out alone")
    if how == "cluster":
        with cluster() as address:
            run(f"compare {MODELS} --out shared --cluster {address}")
    else:
        run(f"compare {MODELS} --out shared --workers 2")
    assert names(two_networks / "alone") == names(two_networks / "shared")
    assert content(two_networks / "alone" / "compare.nc").identical(content(two_networks / "shared" / "compare.nc"))


@pytest.mark.slow
@pytest.mark.other_process
@pytest.mark.filterwarnings("default")
def test_a_cluster_shares_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = "figures hierarchy_phase_diagram percolation_clusters --recompute"
    run(f"{figures} --out alone")
    with cluster() as address:
        run(f"{figures} --out shared --cluster {address}")
    assert names(tmp_path / "alone") == names(tmp_path / "shared")
    for name in names(tmp_path / "alone"):
        if name.endswith(".nc"):
            assert content(tmp_path / "alone" / name).identical(content(tmp_path / "shared" / name)), name


@pytest.mark.slow
def test_what_a_model_left_on_a_worker_is_not_done_again(two_networks, monkeypatch):
    from idealscore.compare.comparison import _run, job

    config = Comparison(
        model=("a", "b"), levels=2, n_images=4, n_noise=1, n_samples=4, theories=("empirical", "gaussian")
    )
    monkeypatch.setattr(job, "spread", lambda function, grid, folder, **how: spread(
        function, grid, folder, fixed=how["fixed"], workers=0
    ))  # fmt: skip
    done = []
    level = _run.track_level  # pyright: ignore[reportPrivateImportUsage]
    monkeypatch.setattr(_run, "track_level", lambda *a, **k: done.append(len(done)) or level(*a, **k))
    run_comparison(config, partial=two_networks / "partial", workers=2, show=False)
    assert len(done) == 2 * 2 * 2  # models, splits, levels: each once
    assert not (two_networks / "partial" / "jobs").exists()


def test_figures_of_the_same_networks_are_one_job(tmp_path, monkeypatch):
    sources = {name: Path(known(catalogue.figure_module(name).__file__)).read_text() for name in catalogue.names()}
    assert {name for name, text in sources.items() if "_regime_runs" in text} == set(catalogue.SHARED_RUNS)
    asked = []
    monkeypatch.setattr(catalogue, "spread", lambda function, grid, *_, **__: asked.append(grid["figures"]))
    catalogue.compute_all(["hierarchy_flow", "regime_map", "linearity_by_size"], "small", 0, tmp_path)
    assert asked == [["regime_map linearity_by_size", "hierarchy_flow"]]


def test_a_job_that_fails_is_named_and_the_rest_is_kept(tmp_path):
    with pytest.raises(ClusterError, match="1 of 3 jobs failed, the first with ValueError"):
        spread(functions.fails_at_two, {"a": [1, 2, 3]}, tmp_path / "jobs", fixed={}, workers=0)
    assert len(list((tmp_path / "jobs").rglob("points/*/*.nc"))) == 2
    spread(functions.affine, {"a": [1]}, tmp_path / "other", fixed={}, workers=0)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("run_dir", lambda data: regime_map(data, TINY, cluster="tcp://localhost:1")),
        ("budget", lambda data: regime_map(data, TINY, "x", cluster="tcp://localhost:1", budget="1h")),
        ("features", lambda data: regime_map(data, TINY, "x", cluster="tcp://localhost:1", features=lambda x: x)),
        ("cluster", lambda data: run_comparison(Comparison(), cluster="tcp://localhost:1")),
        ("workers", lambda data: run_comparison(Comparison(model=("a",)), workers=2)),
        ("budget", lambda data: run_comparison(Comparison(model=("a", "b"), budget="1h"), workers=2)),
    ],
)
def test_what_cannot_be_shared_is_refused(argument, call):
    with pytest.raises(ArgumentError, match=argument):
        call(load("digits"))


@pytest.mark.parametrize("words", ["--workers 2", "--recompute --workers 2 --budget 1h", "--recompute --workers 0"])
def test_figures_that_cannot_be_shared_are_refused(words, tmp_path, capsys):
    assert main([*f"figures hierarchy_flow {words} --out".split(), str(tmp_path / "f")]) == 2
    assert not (tmp_path / "f").exists()
    assert any(word in capsys.readouterr().err for word in ("workers", "budget"))
