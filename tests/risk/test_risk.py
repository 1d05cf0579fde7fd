"""The risk of copies: times of memorisation, the law fitted to them, the page, and what is refused."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore._support.streams import stream
from idealscore.cli import main
from idealscore.compare.risk import (
    CopyLaw,
    RiskPlan,
    memorisation_risk,
    memorisation_times,
    risk_report,
    risk_table,
)
from idealscore.errors import ArgumentError, CovarianceError, EmptyDataError, ShapeError, UnknownNameError
from idealscore.learned.data import load
from idealscore.learned.data.images import ImageData
from idealscore.paper_figs.catalogue import saved
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser

WRONG: Any = "both"
SIZES, STEPS = np.array([10, 20, 40, 80]), np.geomspace(50, 1e5, 30)
TINY: dict[str, Any] = {"probes": 30, "draws": 0, "n_samples": 16}


def curves(exponent, scatter=0.0, seed=0, scale=50):
    """Shares of copies that pass one half at scale n^exponent."""
    share = 1 / (1 + (scale * SIZES[:, None] ** exponent / STEPS) ** 2)
    share = (share + scatter * stream(seed, "scatter").standard_normal(share.shape)).clip(0, 1)
    values = share[:, None, :]
    return xr.Dataset(
        {
            "memorised": (("n_train", "width", "step"), values),
            "memorised_stderr": (("n_train", "width", "step"), np.full_like(values, max(scatter, 0.005))),
        },
        {"n_train": SIZES, "width": [8], "step": STEPS},
    )


def test_times_in_proportion_to_the_data_are_told_from_times_that_are_not():
    found = memorisation_times(curves(1.0, 0.01), level=0.5)
    assert float(found.exponent[0]) == pytest.approx(1, abs=5 * float(found.exponent_stderr[0]) + 0.01)
    assert float(found.prefactor[0]) == pytest.approx(50, rel=0.03) and float(found.spread[0]) < 1.1
    np.testing.assert_allclose(found.time.values[:, 0] / SIZES, found.per_image.values[:, 0])
    assert (found.time_stderr.values > 0).all()
    constant = memorisation_times(curves(0.0, 0.01, scale=2000), level=0.5)
    assert abs(float(constant.exponent[0])) < 0.1 and float(constant.spread[0]) > 6


def test_a_size_that_does_not_copy_has_no_time_and_the_null_bounds_the_level():
    silent = curves(1.0)
    silent["memorised"][3] = 0.0
    found = memorisation_times(silent)
    assert np.isnan(found.time.values[3]).all() and np.isfinite(found.time.values[:3]).all()
    silent["held_out_memorised"] = "n_train", [0.2, 0.0, 0.0, 0.0]
    with pytest.raises(ArgumentError, match="held-out"):
        memorisation_times(silent, level=0.1)
    assert float(memorisation_times(silent, level=0.3).null[0]) == pytest.approx(0.2)
    with pytest.raises(EmptyDataError):
        memorisation_times(silent.assign(memorised=silent.memorised * 0), level=0.3)
    with pytest.raises(ShapeError):
        memorisation_times(silent.drop_vars("memorised"))
    with pytest.raises(ArgumentError, match="level"):
        memorisation_times(silent, level=1.0)


def gap_curves(share):
    """Denoising errors whose relative gap is `share` at both noise levels, though the errors differ by far."""
    held_out = np.array([0.1, 3.0])
    training = (1 - share[:, None, :, None]) * held_out
    errors = np.stack([np.broadcast_to(held_out, training.shape), training], axis=3)
    axes = ("n_train", "width", "step", "inputs", "sigma")
    return xr.Dataset(
        {"denoising_error": (axes, errors), "denoising_error_stderr": (axes, 0.003 * errors)},
        {"n_train": SIZES, "width": [8], "step": STEPS, "inputs": ["held-out", "training"], "sigma": [0.2, 2.0]},
    )


def test_the_gap_of_denoising_errors_is_a_sign_of_memory_too():
    share = 1 / (1 + (50 * SIZES[:, None] / STEPS) ** 2)
    found, copies = memorisation_times(gap_curves(share), level=0.5, sign="gap"), memorisation_times(curves(1.0), 0.5)
    np.testing.assert_allclose(found.time, copies.time, rtol=1e-6)
    assert float(found.exponent[0]) == pytest.approx(1, abs=0.02) and not found.null.any()
    assert (found.time_stderr.values > 0).all() and found.attrs["sign"] == "gap"
    with pytest.raises(EmptyDataError, match="gap"):  # the null: images never seen are denoised as well
        memorisation_times(gap_curves(0 * share), level=0.1, sign="gap")
    with pytest.raises(ShapeError, match="denoising_error"):
        memorisation_times(curves(1.0), sign="gap")
    with pytest.raises(UnknownNameError, match="sign"):
        memorisation_times(curves(1.0), sign=WRONG)


def test_the_law_is_recovered_and_its_error_grows_where_it_fails():
    good, bad = CopyLaw.fit(curves(1.0, 0.01)), CopyLaw.fit(curves(1.5, 0.01))
    assert good.middle == pytest.approx(50, rel=0.02) and good.steepness == pytest.approx(2, rel=0.03)
    assert bad.middle_stderr / bad.middle > 5 * good.middle_stderr / good.middle
    share, error = good.share(40, 2000)
    assert share == pytest.approx(0.5, abs=0.02) and 0 < error < 0.05
    assert good.share(40, 1e9)[0] == pytest.approx(1) and good.share(1e12, 10)[0] < 1e-12
    images, spread = good.images(2000, 0.25)
    assert images == pytest.approx(40 * math.sqrt(3), rel=0.03) and spread > 0
    assert good.share(images, 2000)[0] == pytest.approx(0.25)
    with pytest.raises(ArgumentError, match="width"):
        CopyLaw.fit(curves(1.0), width=9)
    with pytest.raises(EmptyDataError):
        CopyLaw.fit(curves(1.0).isel(n_train=[0, 1]))
    for wrong in ((0.0, 1.0), (1.0, -1.0)):
        with pytest.raises(ArgumentError):
            CopyLaw(*wrong)
    for call in (lambda: good.share(0, 5), lambda: good.share(5, -1), lambda: good.images(5, 1.0)):
        with pytest.raises(ArgumentError):
            call()


def test_digits_networks_memorise_about_in_proportion_where_they_have_room():
    """The committed map: within a factor of 2.5 over sixteen-fold n at width 128, and not at width 64."""
    found = memorisation_times(saved("regime_map"))
    widest = found.sel(width=128)
    assert float(widest.spread) < 2.5 and 0.5 < float(widest.exponent) < 1.1
    assert float(widest.exponent) > 4 * float(widest.exponent_stderr)  # the null: no dependence on n
    assert float(found.exponent.sel(width=64)) > 1.3
    assert np.isnan(found.time.sel(width=24)).all() and float(found.null.max()) < 0.02


def test_the_gap_of_digits_networks_opens_in_proportion_to_n_at_every_width():
    found = memorisation_times(saved("regime_map"), level=0.1, sign="gap")
    assert (abs(found.exponent - 1) < 3 * found.exponent_stderr + 0.1).all() and (found.spread < 3.5).all()
    assert (found.exponent > 5 * found.exponent_stderr).all()  # the null: no dependence on n


def data(n=60, copies=0):
    images = load("digits").subset(n).images
    return ImageData(torch.cat([images, images[:1].expand(copies, *images.shape[1:])]), name="some")


def test_the_numbers_hang_together():
    law, plan = CopyLaw(60.0, 3.0, ((0.01, 0.0), (0.0, 0.1)), "a law"), RiskPlan(steps=4000, **TINY)
    found = memorisation_risk(data(), law, plan)
    assert float(found.copies) == pytest.approx(law.share(60, 4000)[0]) and float(found.copies_stderr) > 0
    half = law.share(float(found.images_to_halve), 4000)[0]
    assert half == pytest.approx(float(found.copies) / 2)
    assert law.share(float(found.images_for_limit), 4000)[0] == pytest.approx(plan.limit)
    assert law.share(60, float(found.memorisation_begins))[0] == pytest.approx(plan.limit)
    assert int(found.duplicates) == 0 and int(found.most_repeated) == 1
    assert float(found.effective_values) < float(found["values"]) == 60 * 64
    assert "most repeated" not in risk_table(found) and "stop by step" in risk_table(found)
    more = memorisation_risk(data(), law, RiskPlan(n=6000, steps=4000, **TINY))
    assert float(more.copies) < 1e-3 and "should copy less than 1 %" in risk_table(more)
    wide = memorisation_risk(data(), law, RiskPlan(steps=4000, width=16, **TINY))
    assert float(wide.parameters) < float(found.parameters)


def test_duplicates_are_counted_and_named_first():
    found = memorisation_risk(data(40, copies=5), CopyLaw(60.0, 3.0), RiskPlan(steps=10**6, **TINY))
    assert int(found.duplicates) == 5 and int(found.most_repeated) == 6 and int(found.distinct) == 40
    assert float(found.steps_for_repeated) == pytest.approx(45 / 6 * 60)
    assert "Remove the 5 exact duplicates first." in risk_table(found)
    near = data(40)
    images = torch.cat([near.images, near.images[:20] + 1e-3])
    shaken = memorisation_risk(ImageData(images), CopyLaw(60.0, 3.0), RiskPlan(**TINY | {"probes": 60}))  # pyright: ignore[reportArgumentType]
    assert float(shaken.near_duplicates) > 0.5 and int(shaken.duplicates) == 0


def test_a_network_that_copies_is_told_from_one_that_does_not(tmp_path):
    training, new = load("digits").subset(80).split(0.5, seed=0)
    law, plan = CopyLaw(60.0, 3.0), RiskPlan(**TINY)
    copier = memorisation_risk(training, law, plan, network=EmpiricalDenoiser(training.images))
    honest = memorisation_risk(training, law, plan, network=GaussianDenoiser.fit(training.images), held_out=new)
    assert float(copier.copies_measured) > 0.9 and "This network copies" in risk_table(copier)
    assert float(honest.copies_measured) < 0.2 and "No copying is seen" in risk_table(honest)
    assert honest.attrs["null"] == "held-out images"
    text = risk_report(copier, tmp_path)
    page = (tmp_path / "risk.html").read_text(encoding="utf-8")
    assert text.splitlines()[-1].split(";")[0] in page and "Bonnaire" in page and "http" not in page.split("<pre>")[0]


def test_the_command(capsys, tmp_path):
    options = ["--steps", "5000", "--probes", "50", "--draws", "8", "--out", str(tmp_path / "risk")]
    assert main(["risk", "digits", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["numbers"]["n"] == 1797 and found["sentence"].endswith(".")
    assert {path.name for path in (tmp_path / "risk").iterdir()} == {"risk.nc", "risk.html"}


@pytest.mark.parametrize(
    ("options", "word"),
    [(["--n", "1"], "n:"), (["--width", "0"], "width"), (["--steps", "-5"], "steps"), (["--network", "nut"], "network"),
     (["--limit", "0"], "limit"), (["--model", "nowhere.safetensors"], "nowhere"), (["--law", "none.nc"], "none.nc")],
)  # fmt: skip
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, options, word):
    monkeypatch.chdir(tmp_path)
    assert main(["risk", "digits", *options]) == 2
    err = capsys.readouterr().err
    assert word in err and not list(tmp_path.iterdir())


def test_data_that_cannot_be_judged_are_refused():
    law = CopyLaw(60.0, 3.0)
    with pytest.raises(CovarianceError):
        memorisation_risk(ImageData(torch.ones(9, 1, 4, 4)), law)
    with pytest.raises(ArgumentError, match="different images"):
        memorisation_risk(ImageData(torch.eye(3).reshape(3, 1, 3, 1)), law)
    with pytest.raises(ArgumentError, match="held_out"):
        memorisation_risk(data(), law, held_out=ImageData(torch.eye(9).reshape(9, 1, 3, 3)))
    with pytest.raises(UnknownNameError):
        RiskPlan(network="nut")
