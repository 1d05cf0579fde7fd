"""Composition measured: laws, crossing times, fits and critical numbers on curves whose answer is known."""

import json

import numpy as np
import pytest
import xarray as xr

from idealscore.cli import main
from idealscore.compare import by_distance, composition, critical_samples, crossing_time, fit_curve, read_curves
from idealscore.compare.concepts import concept_curves, curves_from_table, independence_error
from idealscore.errors import ArgumentError, DataFileError, EstimateError, ShapeError, UnknownNameError

STEPS = np.arange(0, 100, 2)
SHARES = np.stack([1 / (1 + np.exp((middle - STEPS) / width)) for middle, width in ((20, 4), (55, 6), (8, 2))])
NAMES = ["shape", "color", "size"]


def drawn(n, shares=SHARES, dependent=False):
    """Curves of n samples per point, whose concepts succeed independently, or together."""
    uniform = np.random.default_rng(0).random((n, 1 if dependent else 3, len(STEPS)))
    right = uniform < shares
    return concept_curves(STEPS, right.all(1).mean(0), right.mean(0), NAMES, n_samples=n)


def test_independent_concepts_compose_multiplicatively():
    found = composition(drawn(2000))
    rms = {str(law): float(found.rms.sel(law=law)) for law in found.law.values}
    assert rms["multiplicative"] < 0.01 < 0.1 < rms["additive"]
    assert rms["slowest"] > 2 * rms["multiplicative"]
    assert 0.4 < float(found.chi2) < 1.6
    assert float(found.lag) < 2


def test_concepts_that_fail_together_do_not():
    """Negative control: the joint accuracy is then that of the slowest, and chi2 says so.

    Only where the concepts emerge at about the same time: where one is far slower than the others, the product is
    the slowest, and nothing tells the two laws apart.
    """
    together = np.stack([1 / (1 + np.exp((middle - STEPS) / 8)) for middle in (45, 50, 55)])
    found = composition(drawn(2000, together, dependent=True))
    assert float(found.rms.sel(law="slowest")) < 1e-12
    assert float(found.rms.sel(law="multiplicative")) > 0.1 and float(found.chi2) > 100
    apart = composition(drawn(2000, dependent=True))
    assert float(apart.rms.sel(law="multiplicative")) < 0.01


def test_the_error_of_the_difference_is_that_of_paired_samples():
    p, n = np.array([0.4, 0.7, 0.9])[:, None], 80
    rng = np.random.default_rng(1)
    right = rng.random((20_000, n, 3)) < p[:, 0]
    apart = right.all(-1).mean(1) - right.mean(1).prod(-1)
    assert float(independence_error(p, n)[0]) == pytest.approx(apart.std(), rel=0.03)


def test_additive_law_is_the_mean_to_rounding():
    curves = drawn(100)
    predicted = composition(curves).predicted.sel(law="additive")
    assert float(np.abs(predicted - curves.accuracy.mean("concept")).max()) < 1e-12


def test_a_class_emerges_with_its_slowest_concept():
    curves = concept_curves(STEPS, SHARES.prod(0), SHARES, NAMES)
    found = composition(curves, threshold=0.5)
    assert float(found.concept_time.max()) == pytest.approx(55, abs=0.2) and 0 <= float(found.lag) < 2


@pytest.mark.parametrize("settled", [False, True])
def test_crossing_times_of_many_curves(settled):
    rng = np.random.default_rng(0)
    curves = rng.random((4, 3, 20))
    found = crossing_time(np.arange(20), curves, 0.6, settled)
    for index in np.ndindex(4, 3):
        above = np.flatnonzero(curves[index] >= 0.6)
        below = np.flatnonzero(curves[index] < 0.6)
        k = (below[-1] + 1 if len(below) else 0) if settled else above[0]
        if k == 20:
            assert np.isnan(found[index])
        elif k == 0:
            assert found[index] == 0
        else:
            low, high = curves[index][k - 1 : k + 1]
            assert found[index] == pytest.approx(k - 1 + (0.6 - low) / (high - low))


def grid_of_times(times):
    """Curves of seeds and classes that jump at the given steps."""
    times = np.asarray(times, float)[..., None]
    joint = (times <= STEPS).astype(float)
    curves = xr.Dataset(
        {
            "joint": (("seed", "class", "step"), joint),
            "accuracy": (("seed", "class", "concept", "step"), joint[:, :, None]),
        },
        {"step": STEPS, "class": ["00", "01", "11"], "concept": ["all"], "distance": ("class", [0, 0, 1])},
    )
    return composition(curves, threshold=1.0)


def test_times_by_distance_with_their_errors():
    found = by_distance(grid_of_times([[4, 8, 20], [6, 10, 30], [8, 12, 22]]))
    assert found.time.values == pytest.approx([8, 24]) and found.gap.values == pytest.approx([16])
    gaps = np.array([14, 22, 12])
    assert float(found.gap_stderr[0]) == pytest.approx(gaps.std(ddof=1) / np.sqrt(3))
    assert found.reached.values.tolist() == [1, 1] and found.n_classes.values.tolist() == [2, 1]


def test_curves_that_never_arrive_are_counted_and_bounded():
    found = by_distance(grid_of_times([[4, 8, 20], [6, 10, 1000]]))
    assert found.reached.values.tolist() == [1, 0.5] and float(found.time[1]) == pytest.approx((20 + 98) / 2)


@pytest.mark.parametrize(("form", "parameters"), [("geometric", (0.1, 0.05)), ("logistic", (0.05, 40.0, 6.0))])
def test_fits_recover_what_was_drawn(form, parameters):
    """4 sigma for each of two or three parameters; chi2 of 50 points within 0.4 of 1."""
    from idealscore.compare.measures.curve_fit import _FUNCTIONS

    n = 400
    accuracy = np.random.default_rng(2).binomial(n, _FUNCTIONS[form](STEPS, *parameters)) / n
    fit = fit_curve(STEPS, accuracy, form, n_samples=n)
    for (name, value), wanted in zip(fit.parameters.items(), parameters, strict=True):
        assert abs(value - wanted) < 4 * fit.stderr[name] + 1e-6
    other = fit_curve(STEPS, accuracy, {"geometric": "logistic", "logistic": "geometric"}[form], n_samples=n)
    assert fit.chi2 < 1.5 and fit.aic < other.aic
    assert np.abs(fit(STEPS) - accuracy).max() < 0.15


def test_a_sigmoid_is_no_geometric_law():
    fit = fit_curve(STEPS, SHARES[1], "geometric", n_samples=64)
    assert fit.chi2 > 5 and fit.rms > 0.1


def test_critical_numbers_of_the_published_sweep():
    """Accuracy of 111 against the pictures kept of 010 and of 100, as published."""
    found = critical_samples([0, 4, 8, 16, 41, 83], [0, 0, 0.004, 0.337, 0.671, 1.0])
    assert (found.low, found.high) == (16, 41) and 16 < found.value < 41
    other = critical_samples(
        [0, 4, 8, 16, 41, 83, 125, 145, 166, 187, 208, 229],
        [0, 0, 0, 0, 0.019, 0.333, 0.667, 0.709, 0.677, 0.677, 0.949, 0.981],
    )
    assert (other.low, other.high) == (83, 125) and 83 < other.value < 125
    with pytest.raises(EstimateError, match="half"):
        critical_samples([1, 2, 3, 4], [0.9, 0.9, 0.9, 0.9])
    with pytest.raises(EstimateError, match="no picture at all"):
        critical_samples([0, 4, 8, 16], [0.4, 0.5, 0.9, 1.0])


def write_table(path, rows, header="label,timestep,acc"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_users_table_is_read(tmp_path, capsys):
    rows = [
        f"{name},{t},{100 * p}"
        for name, curve in zip(NAMES, SHARES, strict=True)
        for t, p in zip(STEPS, curve, strict=True)
    ]
    rows += [f"all,{t},{100 * p}" for t, p in zip(STEPS, SHARES.prod(0), strict=True)]
    path = write_table(tmp_path / "mine.csv", rows)
    table = read_curves(path, percent=True)
    curves = curves_from_table(table, NAMES, "all")
    assert float(composition(curves).rms.sel(law="multiplicative")) < 1e-12
    assert main(["compose", "--curves", str(path), "--percent", "--joint", "all", "--json", "--threshold", "0.5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["laws"][0]["law"] == "multiplicative" and told["concept_time"]["color"] == pytest.approx(55, abs=0.2)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (["a,0,50", "a,1,60"], ArgumentError, "50 to 60"),
        (["a,0,0.5", "a,1,0.6", "b,0,0.5"], ShapeError, "unequal length: b has 1"),
        (["a,0,0.5", "a,0,0.6"], DataFileError, "line 3 repeats"),
        (["a,0,0.5", "a,1,many"], DataFileError, "line 3"),
        ([], DataFileError, "no rows"),
    ],
)
def test_bad_tables_are_refused(tmp_path, rows, error, words):
    with pytest.raises(error, match=words):
        read_curves(write_table(tmp_path / "bad.csv", rows))


def test_missing_files_columns_and_labels_are_named(tmp_path):
    with pytest.raises(DataFileError, match="does not exist"):
        read_curves(tmp_path / "none.csv")
    path = write_table(tmp_path / "t.csv", ["a,0,0.5", "a,1,0.5"], "label,step,acc")
    with pytest.raises(UnknownNameError, match="did you mean 'step'"):
        read_curves(path, step="timestep")
    with pytest.raises(UnknownNameError, match="joint"):
        curves_from_table(read_curves(path, step="step"), ["a"], "joint")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c.assign(joint=c.joint + 1), ArgumentError, "curves.joint"),
        (lambda c: c.drop_vars("joint"), ShapeError, "no 'joint'"),
        (lambda c: c.isel(step=[3, 2]), ArgumentError, "does not increase"),
        (lambda c: c.assign(joint=c.joint.expand_dims(seed=2)), ShapeError, "dimensions"),
    ],
)
def test_bad_curves_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        composition(change(drawn(10)))
    with pytest.raises(ShapeError, match="size has 3 points"):
        concept_curves([0, 1], [0, 1], [[0, 1], [0, 1], [0, 1, 1]], NAMES)


def test_a_joint_accuracy_above_that_of_a_concept_is_refused():
    step, concept = np.arange(3.0), np.array([[0.1, 0.5, 0.9], [0.2, 0.6, 0.95]])
    for joint, where in (
        ([0.02, 0.99, 0.85], "step 1"),
        ([0.02, 0.3, 0.93], r"\(0.93\) exceeds that of shape \(0.9\)"),
    ):
        with pytest.raises(ArgumentError, match=where):
            concept_curves(step, joint, concept, ["shape", "color"])
    concept_curves(step, [0.1, 0.51, 0.9], concept, ["shape", "color"])  # rounded to two digits
    many = concept_curves(step, [0.02, 0.3, 0.85], concept, ["shape", "color"]).expand_dims({"seed": 3}).copy(deep=True)
    many.joint[1, 2] = 0.97
    with pytest.raises(ArgumentError, match="exceeds"):
        composition(many)


def test_accuracies_outside_by_rounding_are_put_on_the_edge():
    curves = concept_curves([0, 1], [-1e-9, 1.0000001], [[0, 1.0000001], [0.1, 1]], ["a", "b"])
    assert float(curves.joint.min()) == 0 and float(curves.accuracy.max()) == 1
    with pytest.raises(ArgumentError, match=r"to 1\.001; pass accuracies in \[0, 1\]$"):
        concept_curves([0, 1], [0, 1.001], [[0, 1]], ["a"])
    with pytest.raises(ArgumentError, match="divide percent by 100"):
        concept_curves([0, 1], [0, 85.0], [[0, 1]], ["a"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "binary", "latin-1"])
def test_tables_in_other_encodings(tmp_path, encoding):
    text = "label,timestep,acc\nshapé,0,0.1\nshapé,10,0.5\n"
    path = tmp_path / "c.csv"
    path.write_bytes(bytes(range(256)) if encoding == "binary" else text.encode(encoding))
    if encoding in ("utf-16-le", "binary", "latin-1"):
        with pytest.raises(DataFileError, match=r"c\.csv is not a text file"):
            read_curves(path)
    else:
        assert read_curves(path).sel(label="shapé").values.tolist() == [0.1, 0.5]
