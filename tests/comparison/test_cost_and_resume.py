"""The plan, the budget, and a comparison that is stopped in the middle and goes on."""

import time

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore._support.cost import Pace, duration, probe, read_duration
from idealscore.cli import main
from idealscore.compare import Comparison, compare
from idealscore.compare.comparison import _compare, _patch_sizes, _run
from idealscore.compare.comparison._ahead.estimate import Ahead, ahead_of
from idealscore.compare.comparison._compare import wrong_with
from idealscore.compare.comparison._plan import Cost
from idealscore.errors import ArgumentError
from idealscore.learned import checkpoint, data
from idealscore.learned.networks import MLPDenoiser
from idealscore.theory import GaussianDenoiser

CONFIG = Comparison(levels=4, n_images=8, n_noise=1, theories=("empirical", "gaussian", "local"))


@pytest.fixture(scope="module")
def split():
    return data.load("digits").subset(150).split(50)


class Stopping:
    """A network that is stopped, as by Ctrl-C, at its call number `at`."""

    def __init__(self, network, at):
        self.network, self.left = network, at

    def __call__(self, x, sigma):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.network(x, sigma)


def calls_of_the_hand_over(network, training, held_out):
    counted = Stopping(network, 10**6)
    assert wrong_with(counted, training, held_out, CONFIG) == []
    return 10**6 - counted.left


def test_a_stopped_comparison_goes_on_where_it_was_with_the_same_result(split, tmp_path):
    training, held_out = split
    network = GaussianDenoiser.fit(held_out.images)
    whole = compare(network, training, held_out, CONFIG, show=False)
    before = calls_of_the_hand_over(network, training, held_out)
    with pytest.raises(KeyboardInterrupt):
        compare(Stopping(network, before + 3 + 4), training, held_out, CONFIG, partial=tmp_path, show=False)
    kept = sorted(path.name for path in tmp_path.rglob("*-0*.nc"))
    assert kept == ["held-out-000.nc", "held-out-001.nc", "training-000.nc"]
    calls = Stopping(network, 10**6)
    resumed = compare(calls, training, held_out, CONFIG, partial=tmp_path, show=False)
    assert 10**6 - calls.left == before + 3 + 5 + 3  # the answers, five levels, three examples
    xr.testing.assert_identical(resumed.drop_attrs(), whole.drop_attrs())
    assert {k: v for k, v in resumed.attrs.items() if k != "command"} == {
        k: v for k, v in whole.attrs.items() if k != "command"
    }


def test_levels_of_another_network_are_not_taken(split, tmp_path):
    training, held_out = split
    compare(GaussianDenoiser.fit(held_out.images), training, held_out, CONFIG, partial=tmp_path, show=False)
    other = GaussianDenoiser.fit(training.images)
    with pytest.warns(UserWarning, match="another network"):
        result = compare(other, training, held_out, CONFIG, partial=tmp_path, show=False)
    xr.testing.assert_identical(
        result.drop_attrs(), compare(other, training, held_out, CONFIG, show=False).drop_attrs()
    )


@pytest.mark.slow
def test_a_damaged_level_is_computed_again(split, tmp_path):
    training, held_out = split
    network = GaussianDenoiser.fit(held_out.images)
    whole = compare(network, training, held_out, CONFIG, partial=tmp_path, show=False)
    [file] = tmp_path.rglob("training-001.nc")
    file.write_bytes(file.read_bytes()[:200])
    again = compare(network, training, held_out, CONFIG, partial=tmp_path, show=False)
    xr.testing.assert_identical(again.drop_attrs(), whole.drop_attrs())


def test_the_plan_is_told_before_the_work_and_changes_no_number(split):
    training, held_out = split
    told = []
    network = GaussianDenoiser.fit(training.images)
    result = compare(network, training, held_out, CONFIG, announce=told.append, show=False)
    assert told.pop(0).startswith("preparing empirical, gaussian, local of 100 images")
    assert told[0].startswith("plan: 2 x 8 images at 4 noise levels, each noised 1 time")
    assert all(f"  {name}" in told[0] for name in ("network", "empirical", "gaussian", "local"))
    assert "67 evaluations" in told[0]  # 2 x 8 x 4, and three examples
    assert "in all about" in told[0]
    assert "GiB of memory" in told[0]
    xr.testing.assert_identical(
        result.drop_attrs(), compare(network, training, held_out, CONFIG, show=False).drop_attrs()
    )


def cost(**seconds):
    """A cost with the given seconds for an image of each denoiser, at every noise level."""
    paces = {name: [Pace(0.0, 0.0, each)] * 3 for name, each in seconds.items()}
    return Cost(paces, np.geomspace(0.1, 10, 4), n_noise=1, splits=2, examples=0)


def test_a_budget_takes_images_first_then_theories_and_refuses_what_is_too_small():
    given = cost(network=0.001, fast=0.001, slow=0.01)
    names = ["slow", "fast"]
    assert given.within(names, 100, 1000.0) == (names, 100)
    kept, n = given.within(names, 100, 4.8)
    assert kept == names
    assert 45 <= n <= 50
    assert given.plan(kept, n).seconds <= 4.8
    kept, n = given.within(names, 100, 1.0)
    assert kept == ["fast"]
    assert 55 <= n <= 62
    assert given.within(names, 100, 0.05) == (["fast"], 3)
    with pytest.raises(ArgumentError, match=r"budget: leaves .* less than one evaluation of 'fast' takes"):
        given.within(names, 100, 0.03)


def test_what_a_budget_leaves_out_is_said_and_kept_on_resuming(split, tmp_path, monkeypatch):
    training, held_out = split
    network = GaussianDenoiser.fit(training.images)
    config = Comparison(levels=4, n_images=50, n_noise=1, theories=("gaussian",), budget="500s")
    # by its pace the whole job takes 1,000 s: the answer does not depend on how fast this machine is
    pace = {"network": [Pace(0, 0, 2.0)] * 3, "gaussian": [Pace(0, 0, 0.5)] * 3}
    cost = Cost(pace, config.sigmas, config.n_noise, examples=1)
    monkeypatch.setattr(_run, "measured", lambda *_: cost)
    told = []
    result = compare(network, training, held_out, config, partial=tmp_path, announce=told.append, show=False)
    assert 10 < result.attrs["n"] < 30
    assert any("images of a kind instead of 50, to keep 500s" in text for text in told)
    again = compare(network, training, held_out, config, partial=tmp_path, show=False)
    xr.testing.assert_identical(again.drop_attrs(), result.drop_attrs())
    tiny = Comparison(levels=4, n_images=50, n_noise=1, theories=("gaussian",), budget="0.001s")
    with pytest.raises(ArgumentError, match="budget"):
        compare(network, training, held_out, tiny, show=False)


def test_what_is_made_before_the_levels_is_estimated_and_told(split):
    training, held_out = split
    config = Comparison(levels=4, n_images=8, theories=("empirical", "gaussian", "mixture", "masked", "local"))
    ahead = ahead_of(training, held_out, config)
    assert set(ahead.made) == {"gaussian", "mixture", "masked", "patch sizes"}
    assert all(0 < seconds < 60 for seconds in (*ahead.made.values(), ahead.after))
    assert ahead_of(training, held_out, Comparison(patch_sizes=(3,))).made["patch sizes"] == 0
    slow = Ahead({"mixture": 70.0, "gaussian": 0.1}, 3.0)
    assert str(slow) == "about 1 min 10 s: mixture 1 min 10 s"


def test_theories_that_take_long_to_be_made_are_left_out_to_keep_a_budget(split, monkeypatch):
    names = ("empirical", "gaussian", "mixture")
    ahead = Ahead({"mixture": 60.0, "gaussian": 5.0, "patch sizes": 99.0}, after=2.0)
    assert ahead.within(names, 100.0) == list(names)
    assert ahead.within(names, 50.0) == ["empirical", "gaussian"]
    assert ahead.within(names, 5.0) == ["empirical"]
    with pytest.raises(ArgumentError, match="budget: leaves 1 s, and empirical alone need about 2 s"):
        ahead.within(("empirical",), 1.0)
    training, held_out = split
    monkeypatch.setattr(_compare, "ahead_of", lambda *_: Ahead({"mixture": 1e4}, 0.0))
    config = Comparison(levels=2, n_images=4, n_noise=1, theories=("empirical", "mixture"), budget="500s")
    told = []
    network = GaussianDenoiser.fit(training.images)
    result = compare(network, training, held_out, config, announce=told.append, show=False)
    assert result.theory.values.tolist() == ["empirical"] and result.attrs["left_out"] == ["mixture"]
    assert any("left out to keep 500s, since they take long to be made: mixture" in text for text in told)


def test_the_time_before_the_comparison_counts(split):
    training, held_out = split
    config = Comparison(levels=2, n_images=4, n_noise=1, theories=("empirical",), budget="10s")
    network = GaussianDenoiser.fit(training.images)
    with pytest.raises(ArgumentError, match=r"budget: is 10s, and 1 min.* went before"):
        compare(network, training, held_out, config, show=False, started=time.monotonic() - 60)


def test_the_command_says_how_to_go_on_and_clears_up_when_done(capsys, tmp_path, monkeypatch):
    digits = data.load("digits")
    checkpoint.save(MLPDenoiser(digits.shape, width=8, depth=1), tmp_path / "net.safetensors")
    arguments = ["compare", "digits", "--levels", "3", "--n-images", "6", "--n-noise", "1", "--theories", "gaussian"]
    arguments += ["--model", str(tmp_path / "net.safetensors"), "--out", str(tmp_path / "out")]

    real, calls = _run.track_level, []

    def stopping(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(_run, "track_level", stopping)
    assert main(arguments) == 130
    told = capsys.readouterr().err
    assert "stopped; 2 of 6 levels are kept in" in told
    assert "repeat the same command to go on" in told
    assert main(arguments) == 0
    assert len(calls) == 3 + 4
    captured = capsys.readouterr()
    assert "2 levels were done before" in captured.err
    assert "plan: 2 x 6 images" in captured.err
    assert not (tmp_path / "out" / "partial").exists()
    assert (tmp_path / "out" / "compare.nc").exists()
    assert main([*arguments, "--budget", "soon"]) == 2
    assert "budget: is 'soon'" in capsys.readouterr().err


def test_times_are_read_and_written_as_people_do():
    assert [read_duration("budget", text) for text in ("90", "90s", "3min", "1.5h", "1h 30min")] == [
        90, 90, 180, 5400, 5400,
    ]  # fmt: skip
    for text in ("", "soon", "-3s", "0", "3 parsecs"):
        with pytest.raises(ArgumentError, match="budget"):
            read_duration("budget", text)
    assert duration(59.6) == "1 min"


def test_a_probe_stops_at_the_largest_batch_and_at_its_time():
    seen = []
    pace = probe(seen.append, most=8, seconds=5.0)
    assert seen == [1, 1, 2, 4, 8]
    assert pace.n == 8
    assert pace(16) >= pace(8) >= 0
    seen.clear()
    probe(lambda n: (seen.append(n), time.sleep(0.05)), most=8, seconds=0.05)
    assert seen == [1, 1]


def test_a_probe_of_what_rests_on_a_large_part_tells_it_from_the_items(monkeypatch):
    """Half a second once in each call and 1 ms for each item: not half a second for each."""
    from idealscore._support import cost

    clock, asked = [0.0], []

    def takes(fixed, each):
        asked.clear()

        def work(n):
            asked.append(n)
            clock[0] += fixed + each * n

        return work

    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock[0])
    pace = probe(takes(0.5, 0.001), most=128, seconds=0.1, rests=True)
    assert asked == [1, 8, 32, 128] and pace.fixed == pytest.approx(0.5) and pace(256) == pytest.approx(0.756)
    assert probe(takes(0.5, 0.06), most=128, seconds=0.1, rests=True).n == 8  # the items show: enough
    assert probe(takes(0.5, 0.001), most=128, seconds=0.1)(128) > 60  # the control: one item alone says nothing of that
    probe(takes(0.0, 0.0), most=4, seconds=0.1, rests=True)
    assert asked == [1, 1, 2, 4]


def test_the_null_and_the_halves_do_not_depend_on_batches(split):
    from idealscore.compare import track

    images = split[1].images.double()
    network = GaussianDenoiser.fit(split[0].images)
    theories = {"own": GaussianDenoiser.fit(images), "nothing": lambda x, sigma: torch.zeros_like(x)}
    whole = track(network, theories, images, [0.5])
    parts = track(network, theories, images, [0.5], batch_size=7)
    for name in ("null_explained", "combination_explained", "combination_weight"):
        assert np.allclose(whole[name], parts[name], atol=1e-9)


@pytest.mark.slow
def test_a_resumed_comparison_takes_the_patch_sizes_that_were_chosen(split, tmp_path, monkeypatch):
    training, held_out = split
    config = Comparison(levels=3, n_images=4, n_noise=1, theories=("local",), patch_sizes=("network", 1, 3, 5))
    network = GaussianDenoiser.fit(training.images)
    chosen, real = [], _compare.choose_patch_sizes

    def choosing(*args, **options):
        chosen.append(1)
        return real(*args, **options)

    monkeypatch.setattr(_compare, "choose_patch_sizes", choosing)
    first = compare(network, training, held_out, config, partial=tmp_path, show=False)
    again = compare(network, training, held_out, config, partial=tmp_path, show=False)
    assert len(chosen) == 1
    xr.testing.assert_identical(first.drop_attrs(), again.drop_attrs())
    with pytest.warns(UserWarning, match="another network"):
        compare(lambda x, sigma: 0.9 * network(x, sigma), training, held_out, config, partial=tmp_path, show=False)
    assert len(chosen) == 2  # what another network explains best is another question


def test_a_budget_counts_from_the_start_and_skips_levels_where_a_size_is_chosen(split):
    training, held_out = split
    network = GaussianDenoiser.fit(training.images)
    config = Comparison(levels=4, n_images=4, n_noise=1, theories=("local",), budget="1000s")
    with pytest.raises(ArgumentError, match=r"budget: is 1000s, and .* went before the theories are made"):
        compare(network, training, held_out, config, show=False, started=time.monotonic() - 1000)
    said = []
    sizes = _patch_sizes.choose_patch_sizes(training.images, config.sigmas, seconds=0.0, say=said.append)
    assert sizes.sigmas.tolist() == [config.sigmas[2]]  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    assert said == ["patch sizes are chosen at 1 of 4 noise levels, to keep the time allowed"]
    whole = _patch_sizes.choose_patch_sizes(training.images, config.sigmas)
    assert whole(config.sigmas[2]) == sizes(0.1)  # pyright: ignore[reportCallIssue]
    assert whole.sigmas.tolist() == config.sigmas.tolist()  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
