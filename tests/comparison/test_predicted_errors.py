"""What the spectrum predicts of Gaussian optima stands next to the measured errors of a comparison."""

import numpy as np
import pytest

from idealscore.compare import Comparison, compare
from idealscore.compare.comparison._figure import figure
from idealscore.compare.comparison._table import rows, table
from idealscore.learned.data import load
from idealscore.theory import GaussianDenoiser


@pytest.fixture(scope="module")
def comparison():
    training, held_out = load("digits").split(0.8, seed=0)
    theories = ("gaussian", "mixture")
    config = Comparison(levels=3, sigma_min=0.2, sigma_max=2.0, n_images=250, n_noise=2, theories=theories)
    return compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)


def test_the_prediction_is_what_a_gaussian_optimum_does_and_tells_training_from_new_images(comparison):
    ratio = comparison.network_denoising_error / comparison.predicted_denoising_error
    assert abs(ratio - 1).max() < 0.08
    new, own = (comparison.predicted_denoising_error.sel(split=split) for split in ("held-out", "training"))
    assert (new > own).all()
    # the null: the prediction for new images misses what happens on the own ones
    wrong = comparison.network_denoising_error.sel(split="training") / new
    low = float(comparison.sigma[0])
    assert abs(float(wrong.sel(sigma=low)) - 1) > 3 * abs(float(ratio.sel(split="training", sigma=low)) - 1)


def test_two_optima_disagree_as_predicted(comparison):
    digits = load("digits").images.double()
    order = np.random.default_rng(3).permutation(len(digits))
    n = int(comparison.attrs["n_train"])
    pairs = [GaussianDenoiser.fit(digits[order[part]]) for part in (slice(n), slice(n, 2 * n))]
    rest = digits[order[2 * n :]]
    noise = np.random.default_rng(4).standard_normal(rest.shape)
    for sigma in comparison.sigma.values:
        x = rest + float(sigma) * rest.new_tensor(noise)
        apart = float((pairs[0](x, float(sigma)) - pairs[1](x, float(sigma))).square().mean())
        assert float(comparison.predicted_disagreement.sel(sigma=sigma)) == pytest.approx(apart, rel=0.25)


def test_table_and_figure_show_it_and_older_results_go_without(comparison):
    import matplotlib.pyplot as plt

    assert {"error", "Gaussian", "two Gaussians"} <= set(rows(comparison)[0])
    assert "without training" in table(comparison)
    older = comparison.drop_vars([name for name in comparison.data_vars if str(name).startswith("predicted_")])
    assert "two Gaussians" not in table(older)
    made = figure(comparison)
    lines = [line for ax in made.axes for line in ax.lines if line.get_label() == "Gaussian, predicted"]
    plt.close(made)
    wanted = (comparison.predicted_denoising_error / comparison.denoising_error.sel(theory="gaussian")).sel(
        split="held-out"
    )
    assert len(lines) == 1 and np.allclose(np.asarray(lines[0].get_ydata()), wanted)
