"""The patch size at each noise level: from the data, from the network, as told; and what is refused."""

import numpy as np
import pytest

from idealscore.compare import Comparison, compare, optima
from idealscore.compare.comparison._patch_sizes import candidates, choose_patch_sizes, left_out
from idealscore.compare.comparison._table import rows, table
from idealscore.errors import ArgumentError
from idealscore.learned import data
from idealscore.simulate import noised
from idealscore.theory import LocalDenoiser, PatchSchedule

SIGMAS = np.array([0.05, 0.4, 2.0])


@pytest.fixture(scope="module")
def split():
    return data.load("digits").subset(300).split(60)


def test_the_data_choose_the_size_with_the_least_error_on_images_left_out(split):
    images = split[0].images
    chosen = choose_patch_sizes(images, SIGMAS, seed=3)
    assert isinstance(chosen, PatchSchedule)
    clean, bank = left_out(images, 3)
    assert not any(bool((one == bank).flatten(1).all(1).any()) for one in clean)
    for sigma, size in zip(SIGMAS, chosen.sizes, strict=True):
        x = noised(clean, float(sigma), 3, draw=1)
        errors = {
            k: float((LocalDenoiser(bank, k, equivariant=False)(x, float(sigma)) - clean).square().mean())
            for k in (1, 3, 5, 7)
        }
        assert errors[int(size)] == pytest.approx(min(errors.values()))
    assert (np.diff(chosen.sizes) >= 0).all()
    assert chosen.sizes[0] < chosen.sizes[-1]


def test_the_network_chooses_its_own_size_and_is_reported_on_other_images(split):
    training, held_out = split
    network = LocalDenoiser(training.images, lambda sigma: 5 if sigma < 0.3 else 3, equivariant=False)
    config = Comparison(levels=3, sigma_min=0.1, sigma_max=1.0, n_images=60, n_noise=1, theories=("local",))
    by_data = compare(network, training, held_out, config, show=False)
    told = Comparison(
        levels=3, sigma_min=0.1, sigma_max=1.0, n_images=60, n_noise=1, theories=("local",), patch_sizes=("network",)
    )
    by_network = compare(network, training, held_out, told, show=False)
    assert by_network.patch_size.values.tolist() == [5, 3, 3]
    assert by_data.patch_size.values.tolist() != [5, 3, 3]
    held = by_network.sel(split="held-out", theory="local")
    assert held.explained_variance.values == pytest.approx([1, 1, 1])
    assert by_network.attrs["n"] == 48  # 12 of the 60 chose the sizes
    assert "on held-out images that are not reported" in table(by_network)


def test_sizes_may_be_told(split):
    training, held_out = split
    base = {"levels": 2, "n_images": 6, "n_noise": 1, "theories": ("local",)}
    fixed = compare(lambda x, s: 0 * x, training, held_out, Comparison(**base, patch_sizes=(5,)), show=False)
    assert fixed.patch_size.values.tolist() == [5, 5]
    assert [row["patch"] for row in rows(fixed)] == ["5", "5"]
    assert Comparison(patch_size=3).patch_sizes == (3,)
    among = compare(lambda x, s: 0 * x, training, held_out, Comparison(**base, patch_sizes=(5, 7)), show=False)
    assert set(among.patch_size.values.tolist()) <= {5, 7}
    local = optima(training, ("local",))["local"]
    assert isinstance(local, LocalDenoiser)
    schedule = local.patch_size
    assert callable(schedule)
    assert schedule(0.05) < schedule(1.0)


def test_candidates_are_odd_and_end_at_the_image():
    assert candidates(("data",), (1, 8, 8)) == [1, 3, 5, 7]
    assert candidates(("data",), (3, 32, 32)) == [1, 3, 5, 7, 9, 11, 15, 21, 29, 31]
    assert candidates(("network", 9, 3), (1, 28, 28)) == [3, 9]
    assert candidates(("data",), (1, 1, 1)) == [1]


@pytest.mark.parametrize("sizes", [(4,), (0,), (-3,), (3, 6), ("data", "network"), ("mean",), (), (True,), (2.5,)])
def test_sizes_without_a_centre_are_refused(sizes):
    with pytest.raises(ArgumentError, match="patch_sizes"):
        Comparison(patch_sizes=sizes)


def test_a_patch_larger_than_the_image_is_refused_before_any_work(split):
    training, held_out = split

    def untouched(x, sigma):
        raise AssertionError("the network was asked")

    with pytest.raises(ArgumentError, match="holds 9, but an image has 8 x 8 pixels"):
        compare(untouched, training, held_out, Comparison(patch_sizes=(9,)))
