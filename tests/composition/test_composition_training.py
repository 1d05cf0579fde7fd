"""Conditional networks on concept graphs: a tiny study from training to tables, resumed, and its command."""

import json
from dataclasses import replace

import numpy as np
import pytest

from idealscore.cli import main
from idealscore.compare import by_distance, composition, concept_plan, concept_study, frequency_study
from idealscore.compare.concepts import EvenConfig
from idealscore.compare.concepts._table import table
from idealscore.compare.concepts.training import with_options
from idealscore.errors import ArgumentError, CheckpointError, DataFileError, EstimateError, UnknownNameError

TINY = {"steps": 20, "every": 10, "seeds": 2, "per_class": 20, "n_samples": 4, "levels": 3, "n_probe": 60}


def tiny(**changes):
    plan = with_options(concept_plan(), **{**TINY, "options": {"width": 16, "depth": 1}, **changes})
    return replace(plan, world=replace(plan.world, pixels=8, color_gap=0.5, size_gap=0.3))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, concept_study(tiny(), folder)


def test_curves_have_the_promised_axes(study):
    curves = study[1]
    assert dict(curves.sizes) == {"seed": 2, "class": 8, "concept": 3, "step": 2}
    assert curves.distance.values.tolist() == [0, 0, 0, 1, 0, 1, 1, 2] and curves.step.values.tolist() == [10, 20]
    assert float((curves.joint - curves.accuracy.min("concept")).max()) <= 0
    assert curves.attrs["n_samples"] == 4 and "shape: " in curves.attrs["probe_shape"]


def test_a_study_goes_on_where_it_was(study):
    """The curves of step 10 are taken from disk (they are made false to show it), those of step 20 are made again."""
    from idealscore._support import results as _results

    folder, first = study
    kept = folder / "curves" / "step-000000010.nc"
    false = _results.load(kept)
    _results.save((false * 0).assign_attrs(false.attrs), kept)
    (folder / "curves" / "step-000000020.nc").unlink()
    again = concept_study(tiny(), folder)
    _results.save(false, kept)
    assert float(again.accuracy.isel(step=0).max()) == 0
    assert np.array_equal(again.accuracy.isel(step=1), first.accuracy.isel(step=1))


def test_another_plan_in_the_same_folder_is_refused(study):
    with pytest.raises(CheckpointError, match="another"):
        concept_study(tiny(per_class=21), study[0])
    with pytest.raises(DataFileError, match="another plan"):
        concept_study(tiny(n_samples=5), study[0])


def test_seeds_do_not_depend_on_their_number(study):
    alone = concept_study(tiny(seeds=1))
    assert np.allclose(alone.accuracy.isel(seed=0), study[1].accuracy.isel(seed=0))


def test_tables_name_every_distance_and_class(study):
    result = composition(study[1])
    text = table(result)
    assert all(word in text for word in ("multiplicative", "additive", "distance", "111", "shape"))
    assert by_distance(result).n_classes.values.tolist() == [4, 3, 1]


def test_rare_classes_are_swept():
    found = frequency_study(tiny(seeds=1), "010", [0, 3, 20])
    assert dict(found.sizes) == {"kept": 3, "seed": 1, "class": 8, "concept": 3, "step": 2}
    assert found.kept.values.tolist() == [0, 3, 20]
    with pytest.raises(UnknownNameError, match="rare"):
        frequency_study(tiny(), "111", [0, 1])
    with pytest.raises(ArgumentError, match="increasing"):
        frequency_study(tiny(), "010", [3, 3])


@pytest.mark.parametrize("head", ["eps", "edm"])
def test_both_heads_and_a_unet_train(head):
    options = {"width": 4, "multipliers": (1, 2), "blocks": 1, "head": head}
    curves = concept_study(tiny(network="unet", options=options, seeds=1, steps=2, every=2))
    assert bool(curves.joint.notnull().all())


def test_a_poor_probe_is_refused_before_training():
    plan = tiny(n_probe=5)
    with pytest.raises(EstimateError, match="held-out"):
        concept_study(replace(plan, world=replace(plan.world, noise=1.0)))


def test_evenly_spaced_networks():
    assert EvenConfig(steps=100, every=30).snapshot_steps() == [30, 60, 90]
    with pytest.raises(ArgumentError, match="every"):
        EvenConfig(steps=10, every=20)


def test_the_command_trains_prints_and_resumes(tmp_path, capsys):
    out = tmp_path / "run"
    command = ["compose", "--concepts", "color,size", "--split", "H22-train1", "--out", str(out), "--json"]
    command += ["--seeds", "1", "--steps", "4", "--every", "2", "--per-class", "8", "--n-samples", "2"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert [row["distance"] for row in first["distances"]] == [0, 1] and len(first["classes"]) == 4
    assert (out / "composition.nc").exists() and (out / "curves" / "step-000000004.nc").exists()
    assert main(command) == 0 and json.loads(capsys.readouterr().out)["laws"] == first["laws"]


def test_the_command_sweeps_a_rare_class(tmp_path, capsys):
    command = ["compose", "--rare", "010", "--kept", "0", "2", "4", "8", "--out", str(tmp_path / "run"), "--seeds", "1"]
    command += ["--steps", "2", "--every", "2", "--per-class", "8", "--n-samples", "2"]
    assert main(command) == 0
    assert "pictures kept of 010" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["kept"] == [0, 2, 4, 8] and len(told["classes"]) == 8


def test_four_concepts_are_probed_and_trained(tmp_path, capsys):
    command = ["compose", "--concepts", "shape,color,size,background", "--split", "H42-train1", "--json"]
    command += ["--seeds", "1", "--steps", "4", "--every", "2", "--per-class", "8", "--n-samples", "2"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [row["classes"] for row in told["distances"]] == [5, 6, 4, 1]


def test_the_plan_is_printed_without_training(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compose", "--dry-run", "--scale", "full"]) == 0
    told = capsys.readouterr().out
    assert (
        '"steps": 7800' in told and "distance 2: 111 (triangle, blue, small)" in told and not list(tmp_path.iterdir())
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "H32-trian1"], "did you mean 'H32-train1'"),
        (["--concepts", "shape,colour"], "did you mean 'color'"),
        (["--split", "000,010"], "never show shape = triangle"),
        (["--concepts", "shape:x"], "concepts"),
        (["--curves", "none.csv"], "does not exist"),
        (["--rare", "111"], "rare: unknown name '111'"),
        (["--per-class", "0"], "per_class"),
        (["--steps", "60"], "every: expected two evaluations or more in 60 steps, got one every 40"),
    ],
)
def test_bad_options_are_one_line(options, words, capsys):
    assert main(["compose", *options]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


@pytest.mark.slow
def test_classes_emerge_in_the_order_of_their_distance():
    """The small preset, three seeds: order, product of marginals, slowest concept (about half a minute)."""
    found = composition(concept_study(concept_plan()))
    times = by_distance(found)
    assert (times.reached == 1).all() and (np.diff(times.time) > 0).all()
    assert (times.gap > 2 * times.gap_stderr).all()
    rms = found.rms.sel(law=["multiplicative", "additive", "slowest"]).values
    assert rms[0] < 0.03 and rms[1] > 0.1 and rms[0] < rms[2] / 2
    half = composition(found[["joint", "accuracy"]], threshold=0.5)
    interval = float(found.step[1] - found.step[0])
    assert (half.lag.sel({"class": "111"}) <= interval).all()
