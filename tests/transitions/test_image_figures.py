"""The figures of U-turns and of reproducibility: drawn from their saved results alone, which hold what they claim."""

from pathlib import Path

import numpy as np
import pytest

from idealscore import paper_figs
from idealscore._support import results as _results

from drawing import draws_from_its_result

RESULTS = Path(paper_figs.__file__).parent / "results"
PANELS = {
    "hierarchy_images": 9,
    "speciation_collapse": 5,
    "same_noise_samples": 2,
    "reproducibility_matrix": 3,
    "reproducibility_extensions": 2,
}


def saved(name):
    return _results.load(RESULTS / f"{name}.nc")


@pytest.mark.parametrize(("name", "panels"), PANELS.items())
def test_draws_from_its_saved_result(name, panels):
    draws_from_its_result(name, panels)


def test_layers_lose_their_features_in_order():
    """Deep layers hold on to more noise than the first, and far noise leaves what unrelated images share."""
    dataset = saved("hierarchy_images")
    for name in dataset.data.values:
        here = dataset.sel(data=name)
        half, error = here.half_sigma, here.half_sigma_stderr
        gap = half.sel(layer="logits") - half.sel(layer="stage 1")
        assert gap > 2 * np.hypot(error.sel(layer="logits"), error.sel(layer="stage 1"))
        last = here.isel(level=-1)
        assert (abs(last.cosine - last.cosine_chance) < 0.12).all()
        assert here.cosine.isel(level=0).min() > 0.9
    assert dataset.accuracy.min() > 0.6


def test_predicted_and_measured_times():
    dataset = saved("speciation_collapse")
    in_sigma = dataset.sel(clock="sigma")
    # the mixture is its own theory: the prediction holds within errors and the cost of the steps
    row = in_sigma.sel(model="mixture", transition="classes: Gaussian clones, half-clone")
    assert abs(row.measured - row.predicted) < 4 * np.hypot(row.measured_stderr, row.predicted_stderr) + 0.1
    # so is the empirical optimum for images
    row = in_sigma.sel(model="empirical", transition="images: empirical clones")
    assert abs(row.measured - row.predicted) < 4 * np.hypot(row.measured_stderr, row.predicted_stderr) + 0.05
    # a network that generalises leaves the training image far earlier
    row = in_sigma.sel(model="network", transition="images: empirical clones")
    assert row.ratio < 0.8
    # the ratio depends on the clock
    ratio = dataset.ratio.sel(model="network", transition="classes: variance rule")
    assert abs(ratio.sel(clock="OU time") - 1) > abs(ratio.sel(clock="DDPM step") - 1)


def test_networks_agree_and_memorising_optima_of_the_halves_do_not():
    dataset = saved("reproducibility_matrix")
    assert np.allclose(dataset.rp, dataset.rp.T) and np.allclose(np.diag(dataset.rp), 1)

    def rp(one, other, name="rp"):
        return float(dataset[name].sel(model=one, other=other))

    networks = ("MLP", "MLP, other start", "wide MLP", "U-Net", "MLP, half A", "MLP, half B")
    halves = rp("MLP, half A", "MLP, half B")
    assert halves > rp("empirical, half A", "empirical, half B") + 0.1
    for one in networks:
        for other in networks:
            assert rp(one, other) > rp(one, other, "rp_chance") + 0.3


def test_what_the_same_noise_becomes():
    dataset = saved("same_noise_samples")
    assert dataset.image.shape == (8, 10, 8, 8)
    cosine = dataset.cosine
    assert cosine.sel(model="network") == pytest.approx(1) and (cosine > dataset.cosine_chance + 0.2).all()
    assert cosine.sel(model="another architecture") > cosine.sel(model="empirical optimum")


def test_extensions_are_held_against_the_condition_alone():
    dataset = saved("reproducibility_extensions")
    networks = dataset.sel(kind="network")
    assert networks.sizes["case"] == 6
    error = np.hypot(networks.cosine_stderr, networks.cosine_other_noise_stderr)
    assert (networks.cosine - networks.cosine_other_noise > 3 * error).all()
    # a class or a measurement alone makes samples alike: the null is above chance
    for case in ("given the class", "inpainting: hidden half", "deblurring"):
        one = networks.sel(case=case)
        assert one.cosine_other_noise > one.cosine_chance + 3 * one.cosine_chance_stderr


def test_what_a_measurement_leaves_of_a_memorising_optimum():
    """One training image fits the measurement whatever the noise; among unconditional draws noise decides."""
    dataset = saved("reproducibility_extensions").sel(kind="empirical")
    for case in ("inpainting: hidden half", "deblurring"):
        one = dataset.sel(case=case)
        assert float(one.cosine) == pytest.approx(float(one.cosine_other_noise), abs=3 * float(one.cosine_stderr))
    free = dataset.sel(case="unconditional")
    assert free.cosine - free.cosine_other_noise > 3 * free.cosine_stderr


def test_words_on_extensions_name_the_condition_that_decides_most():
    from idealscore.paper_figs.reproducibility import extensions

    dataset = saved("reproducibility_extensions")
    assert "most alike in deblurring" in extensions.findings(dataset).disagreement
    other = dataset.assign(cosine_other_noise=-dataset.cosine_other_noise)
    assert "most alike in deblurring" not in extensions.findings(other).disagreement
    better = dataset.assign(cosine=dataset.cosine.where(dataset.case != "scratch on 80", -1))
    told = [extensions.findings(one).disagreement.split(":")[0] for one in (dataset, better)]
    assert told == ["fine-tuning adds nothing", "fine-tuning adds agreement"]
