"""Before theories are held against a network of someone else: what is wrong with it is said, and its range kept."""

import pytest
import torch

from idealscore.compare import run_comparison
from idealscore.compare.comparison import Comparison, table
from idealscore.learned.data import load
from idealscore.theory import GaussianDenoiser

ASKED = Comparison(data="digits", model=("net",), levels=3, n_images=4, n_noise=1, theories=("gaussian",))


@pytest.fixture(scope="module")
def gaussian():
    return GaussianDenoiser.fit(load("digits").split(0.2, 0)[0].images)


class Limited:
    """A denoiser that knows the noise levels from 0.1 to 5 only."""

    noise_range = (0.1, 5.0)

    def __init__(self, denoiser):
        self.denoiser = denoiser

    def __call__(self, x, sigma):
        return self.denoiser(x, sigma)


def told(network):
    lines = []
    result = run_comparison(ASKED, networks={"net": network}, announce=lines.append, show=False)
    return lines, result


def test_a_right_network_passes_without_a_word(gaussian):
    _, result = told(gaussian)
    assert result.attrs["hand_over"] == ""
    assert result.sigma.values[[0, -1]].tolist() == pytest.approx([0.05, 20.0])


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        (lambda ideal: lambda x, sigma: 2 * x - ideal(x, sigma), "sign"),
        (lambda ideal: lambda x, sigma: (ideal(2 * x - 1, 2 * torch.as_tensor(sigma)) + 1) / 2, "range=(0, 1)"),
    ],
)
def test_a_wrong_convention_is_told_before_the_table_and_in_it(gaussian, network, remedy):
    lines, result = told(network(gaussian))
    assert any(remedy in line for line in lines) and remedy in table(result)


def test_the_levels_are_those_that_the_network_knows(gaussian):
    lines, result = told(Limited(gaussian))
    assert any("noise levels from 0.1 to 5" in line for line in lines)
    assert result.sigma.values[[0, -1]].tolist() == pytest.approx([0.1, 5.0])
