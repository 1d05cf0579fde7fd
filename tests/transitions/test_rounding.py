"""Thresholds met exactly: the last bits of an eigenvalue or a sum, which differ by processor, decide no verdict."""

import numpy as np
import pytest
import torch

from idealscore._support.streams import normal_batch
from idealscore.theory import MixtureDenoiser
from idealscore.theory.covariance import Covariance
from idealscore.theory.transitions import class_speciation, collapse, mode_emergence, speciation, symmetry_breaking
from idealscore.theory.transitions._two_classes import Separation
from idealscore.theory.transitions.roots import ROUNDING, above, below, root

EPS = float(np.finfo(np.float64).eps)
NUDGES = [k * EPS for k in (-4, -2, -1, -0.5, 0, 1, 2, 4)]
EYE = torch.eye(3, dtype=torch.float64)


def mixture(half, variance, weights=(0.5, 0.5)):
    return MixtureDenoiser(list(weights), [[-half], [half]], [variance, variance])


@pytest.fixture(params=NUDGES, ids=lambda nudge: f"{nudge:.1e}")
def nudge(request, monkeypatch):
    """A relative error put on every computed eigenvalue and singular value; for sources without one, on the input."""
    eigh, eigvalsh, svd = torch.linalg.eigh, torch.linalg.eigvalsh, torch.linalg.svd
    factor = 1 + request.param

    def nudged_eigh(matrix):
        values, vectors = eigh(matrix)
        return values * factor, vectors

    def nudged_svd(matrix, **options):
        left, values, right = svd(matrix, **options)
        return left, values * factor, right

    monkeypatch.setattr(torch.linalg, "eigh", nudged_eigh)
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda matrix: eigvalsh(matrix) * factor)
    monkeypatch.setattr(torch.linalg, "svd", nudged_svd)
    return request.param


ABSENT = {
    "speciation of the identity": lambda nudge: speciation(EYE),
    "speciation of a diagonal": lambda nudge: speciation(Covariance.diagonal((1 + nudge) * torch.ones(3).double())),
    "speciation of two points": lambda nudge: speciation(mixture(1.0, 0.0)),
    "speciation of data": lambda nudge: speciation(torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]).double()),
    "variance of two points": lambda nudge: symmetry_breaking(mixture(1.0, 0.0), "variance"),
    "bimodality at |m|^2 = v": lambda nudge: symmetry_breaking(mixture(1.0, 1 + nudge), "bimodality"),
    "sde at lambda = 2": lambda nudge: symmetry_breaking(2 * EYE, "sde"),
    "sde of one Gaussian of lambda = 2": lambda nudge: symmetry_breaking(
        MixtureDenoiser([1.0], [[0.0, 0.0]], [2.0]), "sde"
    ),
    "half-clone of one class": lambda nudge: symmetry_breaking(
        mixture(1.0, 1.0, (1 - abs(nudge), abs(nudge))), "half-clone"
    ),
    "classes with c^2(0) = 1": lambda nudge: class_speciation(mixture(1.0, 1.0))[0, 1],
    "two points, log 2 nats": lambda nudge: collapse(mixture(1 + nudge, 0.0), 2, "mixture"),
    "half of the data copies": lambda nudge: collapse(
        (1 + nudge) * torch.tensor([[0.3], [0.3], [1.7], [1.7]]).double(), criterion="entropy", n_draws=50
    ),
}


@pytest.mark.sampled(0.4)
@pytest.mark.parametrize("name", ABSENT)
def test_at_its_threshold_there_is_no_transition_whatever_the_last_bits(name, nudge):
    found = ABSENT[name](nudge)
    assert found.value is None and found.noise is None and found.note


PRESENT = {
    "speciation": lambda: speciation((1 + 1e-10) * EYE),
    "bimodality": lambda: symmetry_breaking(mixture(1.0, 1 - 1e-5), "bimodality"),
    "two points": lambda: symmetry_breaking(mixture(1.0, 0.0), "bimodality"),
    "sde of two points": lambda: symmetry_breaking(mixture(1.0, 0.0), "sde"),
    "half-clone": lambda: symmetry_breaking(mixture(1.0, 0.0), "half-clone"),
    "classes": lambda: class_speciation(mixture(1.0, 1 - 1e-9))[0, 1],
    "classes of points": lambda: class_speciation(mixture(1.0, 0.0))[0, 1],
    "mode": lambda: mode_emergence(EYE)[0],
    "collapse": lambda: collapse(EYE, 2),
    "collapse of one mode": lambda: collapse(EYE[:1, :1], 10**6),
}


@pytest.mark.sampled(0.4)
@pytest.mark.parametrize("name", PRESENT)
def test_just_beyond_its_threshold_there_is_one_whatever_the_last_bits(name, nudge):
    found = PRESENT[name]()
    assert found.value is not None and found.value > 0


def test_data_that_do_not_vary_are_refused_although_their_computed_mean_differs():
    from idealscore.errors import CovarianceError

    data = torch.full((7, 3), 0.1, dtype=torch.float64)
    for call in (speciation, mode_emergence, collapse, lambda y: collapse(y, criterion="entropy")):
        with pytest.raises(CovarianceError, match="rank zero"):
            call(data)


def test_directions_of_which_only_rounding_is_left_do_not_part_the_classes():
    dead = Separation(np.array([1.0, -1e-17]), np.array([0.1, 1e-19]), 1e-15)
    assert dead.overlap()
    alive = Separation(np.array([1.0, -1e-17]), np.array([0.1, 1e-13]), 1e-15)
    assert not alive.overlap()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_data_with_dead_entries_part_by_what_is_alive_alone(dtype):
    points = normal_batch(1, "dead entries", range(400), (9,))
    points[:, 3:] *= 1e-9  # rounding next to the rest
    labels = torch.arange(400) % 2
    assert class_speciation(points.to(dtype), labels)[0, 1].value is None
    points[:, 3] = 0.1 * (1 - 2 * labels)
    assert class_speciation(points.to(dtype), labels)[0, 1].value == pytest.approx(0.1, rel=0.02)


def test_a_root_at_the_edge_of_its_bracket_is_found_whatever_the_last_bits():
    for nudge in (-ROUNDING, 0.0, ROUNDING):
        assert root(lambda s, n=nudge: 2.0 - s + n, 2.0, 4.0) == pytest.approx(2.0)
        assert root(lambda s, n=nudge: 4.0 - s + n, 2.0, 4.0) == pytest.approx(4.0)
    assert root(lambda s: 3.0 - s, 2.0, 4.0) == pytest.approx(3.0)


def test_brackets_leave_out_what_is_only_rounding():
    assert below(lambda s: 1e-15, 1.0, ROUNDING) is None
    assert below(lambda s: 0.3 - s, 1.0) == 0.25
    assert above(lambda s: 3.0 - s, 1.0) == 4.0 and above(lambda s: 1e-15, 1.0, ROUNDING) == 1.0
