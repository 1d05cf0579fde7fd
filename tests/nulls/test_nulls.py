"""Null data keep what they say and nothing else; the transitions next to them; what is refused."""

import json
import math

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.compare import null_transitions, null_transitions_text, plot_transitions
from idealscore.errors import ArgumentError, CovarianceError, EmptyDataError, ShapeError, UnknownNameError
from idealscore.learned.data import load
from idealscore.simulate import gaussian_null, permuted_pixel_null, phase_null, shuffled_label_null
from idealscore.theory.transitions import class_speciation, collapse, speciation

RNG = np.random.default_rng(0)
SKEWED = torch.from_numpy(RNG.exponential(size=(6000, 4)) @ RNG.normal(size=(4, 4)) + 3)
PICTURES = torch.from_numpy(RNG.exponential(size=(40, 3, 6, 5)))


def test_gaussian_null_has_mean_and_covariance_and_no_third_moment():
    null = gaussian_null(SKEWED, seed=1)
    n = len(SKEWED)
    spread = SKEWED.std(0)
    assert float(((null - SKEWED).mean(0) / spread).abs().max()) < 6 / math.sqrt(n)
    wanted, found = (torch.cov(x.T, correction=0) for x in (SKEWED, null))
    allowed = 6 * torch.outer(spread, spread) * math.sqrt(2 / n)
    assert bool(((found - wanted).abs() < allowed).all())

    def skewness(x):
        return (((x - x.mean(0)) / x.std(0)) ** 3).mean(0)

    assert float(skewness(null).abs().max()) < 6 * math.sqrt(15 / n) < 0.5 < float(skewness(SKEWED).abs().max())


def test_gaussian_null_of_few_data_stays_in_their_span():
    few = torch.from_numpy(RNG.normal(size=(5, 20)))
    null = gaussian_null(few) - few.mean(0)
    basis = torch.linalg.svd((few - few.mean(0)).T, full_matrices=False)[0][:, :4]
    np.testing.assert_allclose(null @ basis @ basis.T, null, atol=1e-9)


def test_phase_null_keeps_each_image_s_spectrum_its_mean_and_its_channels_correlation():
    null = phase_null(PICTURES, seed=2)
    before, after = torch.fft.rfft2(PICTURES), torch.fft.rfft2(null)
    np.testing.assert_allclose(after.abs(), before.abs(), atol=1e-9)
    np.testing.assert_allclose(null.mean((2, 3)), PICTURES.mean((2, 3)), atol=1e-12)
    crossed = [f[:, 0] * f[:, 1].conj() for f in (before, after)]
    np.testing.assert_allclose(torch.view_as_real(crossed[1]), torch.view_as_real(crossed[0]), atol=1e-9)
    assert float((null - PICTURES).abs().max()) > 0.5


def test_phase_null_is_stationary():
    """A bright corner of every image is bright anywhere."""
    corner = torch.from_numpy(RNG.normal(size=(4000, 1, 4, 4)))
    corner[:, :, 0, 0] *= 10
    variance = phase_null(corner).var(0).flatten()
    assert float(variance.max() / variance.min()) < 1.6 < 50 < float(corner.var(0).max() / corner.var(0).min())


def test_permuted_nulls_keep_histograms():
    null = permuted_pixel_null(PICTURES, seed=3)
    np.testing.assert_array_equal(null.sort(0).values, PICTURES.sort(0).values)
    assert not torch.equal(null, PICTURES)
    labels = np.repeat([0, 1, 5], [10, 20, 30])
    shuffled = shuffled_label_null(labels, seed=3)
    np.testing.assert_array_equal(np.sort(shuffled), labels)
    assert (shuffled != labels).any()


@pytest.mark.parametrize("null", [gaussian_null, phase_null, permuted_pixel_null])
def test_nulls_are_keyed_by_seed_and_like_the_data(null):
    data = PICTURES.float()
    before = data.clone()
    one, again, other = null(data, seed=4), null(data, seed=4), null(data, seed=5)
    assert torch.equal(one, again) and not torch.equal(one, other) and torch.equal(data, before)
    assert (one.shape, one.dtype) == (data.shape, data.dtype)


def test_one_permutation_of_the_places_is_no_null():
    """Why pixels are shuffled over images: no transition knows where a pixel is."""
    digits = load("digits")
    images = digits.images.double()
    moved = images.flatten(1)[:, torch.from_numpy(np.random.default_rng(0).permutation(64))]
    assert speciation(moved).value == pytest.approx(speciation(images).value, rel=1e-9)
    assert collapse(moved).value == pytest.approx(collapse(images).value, rel=1e-9)
    one, other = class_speciation(images, digits.labels)[3, 4], class_speciation(moved, digits.labels)[3, 4]
    assert other.value == pytest.approx(one.value, rel=1e-7)


@pytest.fixture(scope="module")
def table():
    digits = load("digits")
    return null_transitions(digits.images, digits.labels, n_modes=3, n_draws=60, seed=0)


def test_what_the_spectrum_alone_gives_and_what_not(table):
    """Modes, speciation and the Gaussian bound are the null's; classes are not, whatever is kept but the labels."""
    z = table.z.sel(source="gaussian")
    for name in ("mode 1", "mode 2", "mode 3", "speciation", "collapse, Gaussian bound"):
        assert abs(float(z.sel(transition=name))) < 5, name
    assert abs(float(table.z.sel(source="pixels", transition="mode 1"))) > 10
    assert abs(float(table.z.sel(source="phases", transition="collapse, Gaussian bound"))) > 10
    pairs = [name for name in table.transition.values if name.startswith("speciation ")]
    assert len(pairs) == 2
    places = table.place.sel(clock="sigma", transition=pairs)
    assert places.sel(source="data").notnull().all()
    assert places.sel(source=["gaussian", "labels", "pixels"]).isnull().all()
    assert "overlap" in str(table.note.sel(source="labels", transition=pairs[0]).item())


def test_report_of_the_data_is_that_of_the_command_without_nulls(table, capsys):
    assert main(["transitions", "data", "digits", "--modes", "3", "--draws", "0", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["transitions"]
    for row in rows:
        one = table.place.sel(source="data", transition=row["name"])
        assert float(one.sel(clock="OU time")) == pytest.approx(row["clocks"]["OU time"], rel=1e-6), row["name"]


def test_every_transition_is_on_every_clock_and_in_the_figure(table):
    from matplotlib import pyplot as plt

    from idealscore.paper_figs._layout import layout_faults

    figure = plot_transitions(table)
    try:
        axis = figure.axes[0]
        marks = [line for line in axis.lines if line.get_marker() in tuple("o^sDv")]
        drawn = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in marks])
        wanted = table.place.sel(clock="sigma").values
        np.testing.assert_allclose(np.sort(drawn[np.isfinite(drawn)]), np.sort(wanted[np.isfinite(wanted)]), rtol=1e-9)
        assert layout_faults(figure) == [] and len(figure.axes) == 6
    finally:
        plt.close(figure)
    np.testing.assert_allclose(table.place.sel(clock="sigma") ** -2, table.place.sel(clock="SNR"), rtol=1e-9)
    assert "due to the spectrum alone" in null_transitions_text(table)


@pytest.mark.parametrize("look", ["default", "dark_background"])
def test_the_transitions_are_drawn_into_given_axes(table, look):
    from matplotlib import pyplot as plt

    from idealscore.errors import ArgumentError
    from idealscore.paper_figs._layout import layout_faults

    with plt.style.context(look), plt.rc_context({"font.size": 8.0}):
        figure, ax = plt.subplots(figsize=(6.0, 4.5), layout="constrained")
        assert plot_transitions(table, ax=ax) is ax and ax.get_xlabel()
        assert layout_faults(figure) == []
        plt.close(figure)
    with pytest.raises(ArgumentError, match="plot_transitions needs a result of null_transitions"):
        plot_transitions(table.drop_vars("place"))


def test_command_with_nulls_draws_and_prints(tmp_path, capsys):
    picture = tmp_path / "all.svg"
    asked = ["transitions", "data", "digits", "--nulls", "--draws", "0", "--modes", "1", "--figure", str(picture)]
    assert main(asked) == 0
    assert "gaussian" in capsys.readouterr().out and picture.read_text().startswith("<?xml")
    assert main([*asked[:-2], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"]["speciation 3 | 4"]["place"]["sigma"] is None
    assert found["data"]["mode 1"]["stderr"]["DDPM step"] > 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--figure", "x.png"], "add --nulls"),
        (["--nulls", "--symmetry"], "not compared with nulls"),
        (["--nulls", "--figure", "x.gif"], "figure"),
    ],
)
def test_command_refuses_before_any_work(asked, said, capsys):
    assert main(["transitions", "data", "digits", *asked]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: gaussian_null(torch.ones(3, 2)), CovarianceError),
        (lambda: gaussian_null(torch.ones(1, 2)), EmptyDataError),
        (lambda: phase_null(torch.arange(4.0)[:, None]), ShapeError),
        (lambda: shuffled_label_null([1, 1]), ArgumentError),
        (lambda: shuffled_label_null([[1, 2]]), ShapeError),
        (lambda: null_transitions(torch.ones(4, 2)), CovarianceError),
        (lambda: null_transitions(torch.eye(4), nulls=["labels"]), ArgumentError),
        (lambda: null_transitions(torch.eye(4), [0, 1], nulls=["labels"]), ShapeError),
        (lambda: null_transitions(torch.eye(4), nulls=["noise"]), UnknownNameError),
        (lambda: null_transitions(torch.eye(4), n_modes=0), ArgumentError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call()
