"""Every figure: its saved result is drawn, fits the width of a paper, and is told in words from the same numbers."""

import re
import shutil
from functools import cache

import pytest
import xarray as xr

from idealscore._support import results as _results
from idealscore.cli import main
from idealscore.errors import DataFileError, UnknownNameError
from idealscore.paper_figs import catalogue
from idealscore.paper_figs._gallery import saved_names, section
from idealscore.paper_figs._layout import layout_faults
from idealscore.paper_figs._venues import VENUES, venue
from idealscore.paper_figs.captions import caption, told

from checkout import ROOT

SAVED = saved_names()
saved = cache(catalogue.saved)


def closed(figure):
    from matplotlib import pyplot as plt

    plt.close(figure)


def test_every_figure_has_a_result():
    assert catalogue.names() == SAVED


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.sampled(0.2)
def test_a_file_of_the_user_is_drawn_and_no_word_is_cut_or_covered(name, tmp_path):
    shutil.copy(catalogue.RESULTS / f"{name}.nc", tmp_path / "mine.nc")
    figure = catalogue.drawn(name, catalogue.from_file(name, tmp_path / "mine.nc"))
    try:
        assert layout_faults(figure) == []
    finally:
        closed(figure)


QUICK = ("percolation_wrapping", "hierarchy_flow", "data_nulls")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SAVED]
)
@pytest.mark.parametrize("place", ["prl", pytest.param("neurips", marks=pytest.mark.slow)])
def test_figures_fit_a_venue(name, place):
    figure = catalogue.drawn(name, catalogue.saved(name), place)
    try:
        wanted = venue(place)
        width = figure.get_size_inches()[0]
        assert width <= wanted.page * 1.05
        assert layout_faults(figure) == []
    finally:
        closed(figure)


@pytest.mark.sampled(0.4)
@pytest.mark.parametrize("name", SAVED)
def test_the_gallery_tells_numbers(name):
    text = section(name, saved(name))
    rows = dict(re.findall(r"^\| (predicted|measured|they disagree|papers|command|result) \| (.+) \|$", text, re.M))
    assert len(rows) == 6 and all(rows.values())
    assert re.search(r"\d", rows["measured"]) and "nan" not in rows["measured"].split()
    assert "[@" not in text and name in rows["command"]
    assert not re.search(r"[ =`]/\w", text), "a path of somebody's machine"


@pytest.mark.parametrize("name", SAVED)
def test_a_caption_is_one_paragraph_with_the_numbers_of_the_picture(name):
    dataset = saved(name)
    text, found = caption(name, dataset), catalogue.figure_module(name).findings(dataset)
    assert "\n" not in text and "[@" not in text and "  " not in text and text.endswith((".", "!", "?"))
    assert " ".join(told(found.measured).split()).rstrip(".") in text and re.search(r"\d", text)


def test_the_command_draws_a_file_of_the_user_with_its_caption(tmp_path, capsys):
    dataset = catalogue.saved("percolation_thresholds")
    moved = dataset.assign(measured=dataset.measured + 10 * dataset.measured_stderr)
    _results.save(moved, tmp_path / "mine.nc")
    mine = ["figures", "percolation_thresholds", "--data", str(tmp_path / "mine.nc"), "--captions"]
    assert main([*mine, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "percolation_thresholds.png").stat().st_size > 1000
    written = (tmp_path / "percolation_thresholds.txt").read_text().rstrip("\n")
    assert written == caption("percolation_thresholds", moved) != caption("percolation_thresholds", dataset)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_the_command_draws_a_file_of_the_user(name, tmp_path, capsys):
    mine = str(shutil.copy(catalogue.RESULTS / f"{name}.nc", tmp_path / "mine.nc"))
    assert main(["figures", name, "--data", mine, "--out", str(tmp_path)]) == 0
    assert (tmp_path / f"{name}.png").stat().st_size > 1000


def test_text_that_is_cut_or_covered_is_found():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    ax = figure.add_subplot()
    ax.set_xlabel("a label that is far too long for a figure of two inches")
    ax.set_xticks([0.50, 0.51], ["first", "second"])
    faults = layout_faults(figure)
    assert any("cut" in fault and "far too long" in fault for fault in faults)
    assert "'first' overlaps 'second'" in faults


def test_panel_letters_are_the_same_everywhere_and_in_the_form_of_the_venue():
    for name in ("hierarchy_flow", "regime_map", "same_noise_samples", "percolation_clusters"):
        for place, weight in (("", "bold"), ("prl", "normal"))[: 2 if name == "hierarchy_flow" else 1]:
            figure = catalogue.drawn(name, catalogue.saved(name), place)
            found = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
            assert found == [f"({letter})" for letter in "abcdefgh"[: len(found)]] and len(found) > 1
            left = figure.axes[0]._left_title  # pyright: ignore[reportAttributeAccessIssue]
            assert left.get_fontweight() == weight
            closed(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_the_gallery_shows_the_figures_as_they_are_drawn_today(name, tmp_path):
    from matplotlib.image import imread

    drawn = imread(catalogue.draw_to(name, catalogue.saved(name), tmp_path / "now.png", dpi=120))
    shown = imread(ROOT / "docs" / "images" / "gallery" / f"{name}.png")
    assert drawn.shape == shown.shape, "draw it anew: idealscore figures --gallery docs"
    assert (abs(drawn - shown) > 0.1).mean() < 0.02, "draw it anew: idealscore figures --gallery docs"


def test_settings_of_a_venue_end_with_the_drawing():
    import matplotlib

    before = dict(matplotlib.rcParams)
    name = "percolation_wrapping"
    figure = catalogue.drawn(name, catalogue.saved(name), "icml")
    assert figure.axes[0].xaxis.label.get_fontsize() == 8
    assert figure.axes[0].xaxis.label.get_fontfamily() == ["serif"]
    assert figure.get_size_inches()[0] == pytest.approx(6.75)
    closed(figure)
    assert dict(matplotlib.rcParams) == before
    assert all(0 < venue(place).column <= venue(place).page < 8 for place in VENUES)


@pytest.mark.parametrize(
    "setting", [{"text.usetex": True}, {"font.size": 30.0, "axes.labelsize": 30.0}, {"figure.figsize": (1.0, 1.0)}]
)
@pytest.mark.sampled(0.5)
def test_a_figure_looks_the_same_whatever_the_user_has_set(tmp_path, monkeypatch, setting):
    import matplotlib

    name = "percolation_wrapping"
    result = catalogue.saved(name)
    as_shipped = catalogue.draw_to(name, result, tmp_path / "plain.png").read_bytes()
    monkeypatch.setenv("PATH", "")  # no LaTeX
    with matplotlib.rc_context(setting):
        assert catalogue.draw_to(name, result, tmp_path / "user.png").read_bytes() == as_shipped


@pytest.mark.parametrize(("suffix", "mark"), [("pdf", b"/FontFile2"), ("svg", b"<path")])
def test_fonts_are_embedded(tmp_path, suffix, mark):
    name = "percolation_wrapping"
    path = catalogue.draw_to(name, catalogue.saved(name), tmp_path / f"{name}.{suffix}", "prl")
    content = path.read_bytes()
    assert mark in content and b"/Type3" not in content and b"<text" not in content


def test_results_are_kept_and_found_again(tmp_path, monkeypatch):
    made = []

    def compute(scale, seed):
        made.append((scale, seed))
        return xr.Dataset({"value": 1.0}, attrs=_results.provenance(seed=seed))

    monkeypatch.setattr(catalogue.figure_module("percolation_wrapping"), "compute", compute)
    for _ in range(2):
        catalogue.computed("percolation_wrapping", "small", 3, tmp_path)
    assert made == [("small", 3)]
    catalogue.computed("percolation_wrapping", "small", 4, tmp_path)
    kept = catalogue.computed("percolation_wrapping", "small", 3, tmp_path, again=True)
    assert made == [("small", 3), ("small", 4), ("small", 3)] and kept.attrs["figure"] == "percolation_wrapping"
    monkeypatch.setattr("idealscore.__version__", "99")
    catalogue.computed("percolation_wrapping", "small", 3, tmp_path)
    assert len(made) == 4


def test_results_of_others_are_refused(tmp_path):
    dataset = catalogue.saved("percolation_wrapping").assign_attrs(figure="percolation_wrapping")
    _results.save(dataset, tmp_path / "mine.nc")
    with pytest.raises(DataFileError, match="figure percolation_wrapping"):
        catalogue.from_file("percolation_collapse", tmp_path / "mine.nc")
    _results.save(dataset.assign_attrs(layout=0), tmp_path / "old.nc")
    with pytest.raises(DataFileError, match="--recompute"):
        catalogue.from_file("percolation_wrapping", tmp_path / "old.nc")
    nameless = dataset.drop_attrs().drop_vars("wrapping_one")
    _results.save(nameless, tmp_path / "part.nc")
    with pytest.raises(DataFileError, match="holds no result of percolation_wrapping"):
        catalogue.drawn("percolation_wrapping", catalogue.from_file("percolation_wrapping", tmp_path / "part.nc"))


def test_unknown_names_suggest_the_nearest(tmp_path, capsys):
    with pytest.raises(UnknownNameError, match="percolation_collapse"):
        catalogue.figure_module("percolation_colapse")
    with pytest.raises(UnknownNameError, match="neurips"):
        venue("neurip")
    for wrong in (
        ["percolation_colapse"],
        ["--venue", "neurip"],
        ["--scale", "huge"],
        ["--gallery", "docs", "--seed", "-1"],
    ):
        assert main(["figures", *wrong, "--out", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_missing_package_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tueplots", None)
    with pytest.raises(ImportError, match=r"idealscore\[figures\]"):
        venue("icml")
    assert venue("prl").page == 7.0


def test_the_command_draws_and_lists(tmp_path, capsys):
    assert main(["figures", "percolation_wrapping", "--out", str(tmp_path), "--venue", "prl", "--format", "pdf"]) == 0
    assert (tmp_path / "percolation_wrapping.pdf").stat().st_size > 5000
    assert main(["figures", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= len(catalogue.names())


def test_the_upper_axis_is_the_step_of_the_schedule():
    from matplotlib.figure import Figure

    from idealscore import DiscreteSchedule, NoiseLevel
    from idealscore.paper_figs._style import ddpm_axis

    ax = Figure().add_subplot(xscale="log", xlim=(0.05, 5.0))
    ddpm_axis(ax)
    top = ax.figure.axes[1]
    schedule = DiscreteSchedule.linear(1000, 1e-4, 0.02)
    labels = [int(label.get_text()) for label in top.get_xticklabels()]
    assert labels == [20, 60, 200] and top.get_xlim() == ax.get_xlim()
    for label, sigma in zip(labels, top.get_xticks(), strict=True):
        assert NoiseLevel(sigma).step(schedule) == pytest.approx(label)
