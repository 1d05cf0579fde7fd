"""The medium scale of figures: networks trained on the user's images, kept, and used again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore.cli import main
from idealscore.errors import ArgumentError
from idealscore.learned.data import ImageData
from idealscore.paper_figs import _digit_networks, catalogue
from idealscore.paper_figs._digit_networks import Recipe


@pytest.fixture
def own_images(tmp_path, monkeypatch):
    """120 images of 8 x 8 pixels with ten classes, quick recipes, and a folder for the networks."""
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", images=draw.integers(0, 256, (120, 1, 8, 8), np.uint8), labels=np.arange(120) % 10)
    monkeypatch.setenv(catalogue.SOURCE, str(tmp_path / "mine.npz"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    quick = {name: replace(one, steps=3, batch=8) for name, one in _digit_networks.SMALL.items()}
    quick["mlp"] = Recipe("mlp", (("width", 16), ("depth", 1)), 3, 1e-3, 8)
    monkeypatch.setitem(_digit_networks.RECIPES, "medium", quick)
    for one in (_digit_networks.split, _digit_networks.part, _digit_networks.network, _digit_networks.own_images):
        one.cache_clear()
    yield tmp_path
    for one in (_digit_networks.split, _digit_networks.part, _digit_networks.network, _digit_networks.own_images):
        one.cache_clear()


def test_networks_are_kept_and_not_trained_again(own_images, monkeypatch):
    first = _digit_networks.network("mlp", "A", 0, "medium")
    folders = list((own_images / "cache" / "idealscore" / "networks").iterdir())
    assert [folder.name.rsplit("-", 1)[0] for folder in folders] == ["medium-mlp-A-data0-seed0"]
    written = {path: path.stat().st_mtime_ns for path in folders[0].rglob("weights.safetensors")}
    _digit_networks.network.cache_clear()
    again = _digit_networks.network("mlp", "A", 0, "medium")
    assert all((a == b).all() for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert written == {path: path.stat().st_mtime_ns for path in written} and written
    other = _digit_networks.network("mlp", "B", 0, "medium")
    assert any((a != b).any() for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_a_result_is_kept_unless_it_is_small_or_another(own_images):
    data, made = _digit_networks.part("A", 0, "medium"), []

    def make():
        made.append(len(made))
        return xr.Dataset({"turn": ((), made[-1])})

    def turn(what="this: one", scale="medium", **plan):
        return int(_digit_networks.kept(what, data, scale, plan, make).turn)

    assert [turn(n=1), turn(n=1), turn(n=2), turn("that", n=1), turn(n=1), turn(n=2)] == [0, 0, 1, 2, 0, 1]
    assert [turn(scale="small", n=1), turn(scale="small", n=1)] == [3, 4]


def test_the_networks_fit_images_of_any_size_that_can_be_halved_twice(own_images, monkeypatch):
    """With the recipes as they are, cut to one step."""
    side = 12
    shipped = {name: replace(one, steps=1, batch=2) for name, one in _digit_networks.MEDIUM.items()}
    monkeypatch.setitem(_digit_networks.RECIPES, "medium", shipped)
    images = ImageData(torch.linspace(-1, 1, 4 * side**2).reshape(4, 1, side, side), torch.arange(4), "four")
    for recipe in shipped:
        made = _digit_networks.trained(recipe, images, 0, "medium", "try")
        assert made(images.images, 1.0).shape == images.images.shape


def test_small_networks_leave_nothing(own_images):
    data = _digit_networks.part("A", 0, "medium")
    _digit_networks.trained("mlp", data, 0, "small", "try", steps=2)
    assert not (own_images / "cache").exists()


def test_the_architectures_are_measured_with_their_theories(own_images, monkeypatch):
    from idealscore.compare import Comparison
    from idealscore.paper_figs.reproducibility import by_architecture

    monkeypatch.setattr(
        "idealscore.compare.comparison.options.Comparison",
        lambda seed: Comparison(
            seed=seed, levels=2, n_images=4, n_noise=1, n_samples=2, theories=("gaussian", "local")
        ),
    )
    result = by_architecture.compute("medium", seed=0)
    assert result.model.values.tolist() == list(by_architecture.RECIPES) and result.attrs["n_train"] == 96
    assert not [name for name in result if str(name).startswith("example")]
    assert "U-Net: " in by_architecture.findings(result).measured


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "quick"),
    [
        ("reproducibility_matrix", 4),
        ("reproducibility_extensions", {"n": 4, "few": 8, "tuning_steps": 2}),
        ("hierarchy_images", {"images": 4, "n_steps": 2}),
    ],
)
def test_the_figures_take_any_number_of_classes(own_images, monkeypatch, name, quick):
    draw = np.random.default_rng(1)
    images = draw.integers(0, 256, (150, 1, 8, 8), np.uint8)
    np.savez(own_images / "mine.npz", images=images, labels=np.arange(150) % 3)
    module = catalogue.figure_module(name)
    monkeypatch.setitem(module.PLAN, "medium", quick)
    monkeypatch.setitem(_digit_networks.JUDGES, "medium", {"width": 8, "steps": 20})
    result = module.compute("medium", seed=0)
    assert all(np.isfinite(result[part]).all() for part in result if str(part).startswith("cosine"))
    assert module.findings(result.assign_attrs(n=4)).measured


@pytest.mark.slow
def test_the_regime_map_is_that_of_the_users_images(own_images, monkeypatch):
    from matplotlib import pyplot as plt

    from idealscore.paper_figs.networks import _regime_runs, score_differences

    monkeypatch.setattr(score_differences, "POINTS", 8)  # fewer than pixels, as 1,024 are on larger images
    quick = _regime_runs.MEDIUM | {
        "sizes": (8, 32), "widths": (8,), "held_out": 20, "steps": 4, "levels": 2, "n_pairs": 4, "n_images": 8,
        "n_samples": 4, "snapshots": 2, "first_step": 2,
    }  # fmt: skip
    monkeypatch.setitem(_regime_runs.PLANS, "medium", quick)
    n = len(_digit_networks.own_images()) - 20  # all but those held out
    for name in catalogue.SHARED_RUNS:
        module = catalogue.figure_module(name)
        result = module.compute("medium", seed=0)
        assert result.n_train.values.tolist() == [8, 32, n]
        assert module.findings(result).measured
        plt.close(module.draw(result))
    (folder,) = (own_images / "cache" / "idealscore").glob("regimes-medium-seed0-*")
    assert folder.name.endswith(_digit_networks.own_images().fingerprint[:12])


def test_images_must_be_named_and_labelled(own_images, monkeypatch, tmp_path, capsys):
    np.savez(tmp_path / "bare.npz", images=(np.arange(1280) % 256).astype(np.uint8).reshape(20, 1, 8, 8))
    monkeypatch.setenv(catalogue.SOURCE, str(tmp_path / "bare.npz"))
    with pytest.raises(ArgumentError, match="without labels"):
        _digit_networks.split(0, "medium")
    monkeypatch.delenv(catalogue.SOURCE)
    out = ["--out", str(tmp_path / "out")]
    assert main(["figures", "reproducibility_matrix", "--scale", "medium", *out]) == 2
    assert catalogue.SOURCE in capsys.readouterr().err
    assert main(["figures", "percolation_wrapping", "--scale", "medium", *out]) == 2
    assert "percolation_wrapping does not have" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_every_figure_with_a_medium_scale_knows_it(own_images, monkeypatch):
    """Without images each stops at them; one that did not know the scale would name the scale."""
    monkeypatch.delenv(catalogue.SOURCE)
    _digit_networks.own_images.cache_clear()
    for name in catalogue.MEDIUM:
        with pytest.raises(ArgumentError) as refused:
            catalogue.figure_module(name).compute("medium", seed=0)
        assert refused.value.argument == catalogue.SOURCE


def test_results_on_other_images_are_other_files(own_images, monkeypatch, tmp_path):
    here = catalogue.kept_path("regime_map", "medium", 0, tmp_path)
    monkeypatch.setenv(catalogue.SOURCE, str(tmp_path / "theirs.npz"))
    assert here != catalogue.kept_path("regime_map", "medium", 0, tmp_path)
