"""Points, tables and sequences where images are usual: `transitions data`, `compare` and `check` take any shape."""

import json
import re

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore.cli import main
from idealscore.compare import Comparison, compare
from idealscore.errors import ArgumentError
from idealscore.learned import checkpoint
from idealscore.learned.data import load
from idealscore.learned.networks import MLPDenoiser
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser


def moons(n=120):
    """Two half circles in the plane, with a little noise, and which is which."""
    rng = np.random.default_rng(0)
    angle, side = np.pi * rng.random(n), np.arange(n) % 2
    x = np.where(side, 1 - np.cos(angle), np.cos(angle)) - 0.5
    y = np.where(side, 0.5 - np.sin(angle), np.sin(angle)) - 0.25
    return np.stack([x, y], 1) + 0.05 * rng.standard_normal((n, 2)), side


def sequences(n=60):
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, 11)
    return (
        np.stack([np.sin(2 * np.pi * (time + shift)) for shift in rng.random(3 * n)]).reshape(n, 3, 11).swapaxes(1, 2)
    )


SOURCES = {
    "moons": (lambda: moons()[0], (2,), {}),
    "table": (lambda: np.random.default_rng(2).standard_normal((90, 64)), (64,), {}),
    "sequences": (sequences, (11, 3), {"layout": "ntd"}),
    "fields": (lambda: np.random.default_rng(3).standard_normal((40, 2, 3, 4, 2)), (2, 3, 4, 2), {}),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_comparison_of_data_that_are_no_images(kind, tmp_path):
    make, shape, options = SOURCES[kind]
    data = load(make(), **options)
    assert data.shape == shape
    training, held_out = data.split(0.25)
    config = Comparison(levels=2, n_images=8, n_noise=1)
    told = []
    gaussian = GaussianDenoiser.fit(training.images)
    result = compare(gaussian, training, held_out, config, announce=told.append, show=False)
    assert result.theory.values.tolist() == ["empirical", "gaussian", "mixture"]
    assert any("local" in line and "no pixels" in line for line in told)
    assert float(result.rmse.sel(theory="gaussian").max()) < 1e-5
    assert result.example.shape[2:] == shape
    assert result.attrs["data_scaling"] == data.understood.scaling


def test_a_theory_of_pixels_alone_is_refused_for_points():
    training, held_out = load(moons()[0]).split(0.25)
    with pytest.raises(ArgumentError, match="theories: asks for local alone"):
        compare(lambda x, _: x, training, held_out, Comparison(theories=("local",)), show=False)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A file of two moons, and a network of the plane."""
    folder = tmp_path_factory.mktemp("moons")
    points, side = moons()
    np.savez(folder / "moons.npz", points=points, side=np.array(["upper", "lower"])[side])
    data = load(folder / "moons.npz", label_column="side")
    network = MLPDenoiser((2,), width=8, depth=1, sigma_data=data.sigma_data, n_classes=2)
    checkpoint.save(network, folder / "net.safetensors", data=data.describe())
    return folder


@pytest.mark.slow
def test_the_commands_on_points(cloud, capsys, monkeypatch):
    monkeypatch.chdir(cloud)
    few = ["--levels", "2", "--n-images", "8", "--n-noise", "1"]
    network = ["--model", "net.safetensors", "--condition", "upper"]
    data = ["moons.npz", "--label-column", "side"]
    assert main(["compare", *data, *network, *few, "--out", "out"]) == 0
    shown = capsys.readouterr().out
    assert "points   120 of shape (2,)" in shown and "2: lower (60), upper (60)" in shown
    assert "scaling: none: values are kept as they are" in shown
    saved = xr.open_dataset(cloud / "out" / "compare.nc")
    assert saved.attrs["data_scaling"].startswith("none") and saved.attrs["data_range"].shape == (2,)
    page = (cloud / "out" / "report.html").read_text(encoding="utf-8")
    assert 'class="wrong">the network as it was handed over' in page and "scaling: none" in page
    check = ["check", "net.safetensors", "--data", *data, "--sigmas", "1", "--samples", "64", "--json"]
    assert main([*check, "--label", "lower"]) == 0
    output = capsys.readouterr()
    assert "what was understood of moons.npz" in output.err and json.loads(output.out)
    assert main(["transitions", "data", *data, "--draws", "0"]) == 0
    assert "speciation lower | upper" in capsys.readouterr().out


def test_a_class_that_is_not_there_is_named(cloud, capsys, monkeypatch):
    monkeypatch.chdir(cloud)
    data = ["moons.npz", "--label-column", "side"]
    commands = (
        ["sample", "net.safetensors", "--n", "2", "--steps", "2", "--label", "uper"],
        ["sample", "net.safetensors", "--n", "2", "--steps", "2", "--condition", "2"],
        ["check", "net.safetensors", "--data", *data, "--label", "uper"],
        ["compare", *data, "--model", "net.safetensors", "--condition", "uper"],
    )
    for command in commands:
        assert main(command) == 2
        told = capsys.readouterr().err.strip().splitlines()[-1]
        assert "did you mean 'upper'" in told or "pass a class from 0 to 1" in told


def test_samples_of_a_class_by_name_are_those_by_number(cloud, monkeypatch):
    monkeypatch.chdir(cloud)
    asked = {}
    for label in ("upper", "1", "lower"):
        options = ["--label", label, "--n", "2", "--steps", "2", "--out", f"s-{label}", "--device", "cpu"]
        assert main(["sample", "net.safetensors", *options]) == 0
        asked[label] = json.loads((cloud / f"s-{label}" / "sampling.json").read_text())["condition"]
    assert asked == {"upper": 1, "1": 1, "lower": 0}


def test_a_network_of_another_range_is_said_in_red(tmp_path):
    """The one-step test compares means and deviations; the record of the run compares the ranges."""
    unit = load("digits", scale="0..1").subset(200)
    signed = load("digits").subset(200)
    network = EmpiricalDenoiser(unit.images)
    training, held_out = signed.split(0.25)
    config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    found = compare(network, training, held_out, config, show=False).attrs["hand_over"]
    moments = next(line for line in found if "mean" in line)
    numbers = [float(word) for word in re.findall(r"-?\d+\.?\d*", moments)]
    means, deviations = numbers[1::2], numbers[2::2]  # after sigma: of the network, of the data
    assert means == pytest.approx([float(unit.images.mean()), float(signed.images.mean())], abs=0.03)
    assert deviations[0] < 0.6 * deviations[1]
    wrapped = MLPDenoiser(signed.shape, width=4, depth=1)
    wrapped.metadata = {"data": unit.describe()}
    found = compare(wrapped, training, held_out, config, show=False).attrs["hand_over"]
    assert "range [0, 1], these are of [-1, 1]" in found[0]


def test_classes_are_handed_over_by_name_where_the_numbers_differ():
    from idealscore.learned._classes import in_classes_of
    from idealscore.learned.data import ImageData

    network = MLPDenoiser((2,), width=4, depth=1, n_classes=3)
    network.metadata = {"data": {"class_names": ["bird", "cat", "dog"]}}
    data = ImageData(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0]),
                     class_names=("dog", "bird"))  # fmt: skip
    found = in_classes_of(network, data)
    assert found.labels is not None and found.labels.tolist() == [2, 0, 0, 2] and found.class_name(2) == "dog"
