"""What other people's networks give back, or do to what they are given: right, or refused with what to do."""

import pytest
import torch

from idealscore.compare import track
from idealscore.compare.measures import handover
from idealscore.errors import ArgumentError, DenoiserContractError
from idealscore.learned import wrap
from idealscore.simulate.diffusion import sample
from idealscore.theory import GaussianDenoiser

X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
IDEAL = GaussianDenoiser.fit(X)


def in_place(x, sigma):
    answer = IDEAL(x, sigma)
    x.zero_()
    return answer


class InPlace(torch.nn.Module):
    def forward(self, x, sigma, condition=None):
        return in_place(x, sigma)


@pytest.mark.parametrize(
    "use",
    [
        lambda net: track(net, {"gaussian": IDEAL}, X, [1.0], hand_over=False, show=False),
        lambda net: handover(net, X),
        lambda net: sample(net, X, [2.0, 1.0, 0.0], show=False),
    ],
    ids=["track", "handover", "sample"],
)
def test_a_network_that_changes_its_input_is_refused_or_given_a_copy(use):
    with pytest.raises(DenoiserContractError, match=r"in place; let it work on x.clone\(\)"):
        use(in_place)
    for wrapped in (wrap.edm(InPlace()), wrap.function(in_place), wrap.function(in_place, range=(0, 1))):
        use(wrapped)
        x = X.clone()
        wrapped(x, 1.0)
        assert torch.equal(x, X)
    use(IDEAL)


@pytest.mark.parametrize(
    ("net", "remedy"),
    [
        (lambda z, t: (z, t), r"net\(z, time\)\[0\]"),
        (lambda z, t: [t, z], r"net\(z, time\)\[1\]"),
        (lambda z, t: {"out": z}, r"net\(z, time\)\['out'\]"),
        (lambda z, t: torch.cat([z, z], 1), "split='first'"),
        (lambda z, t: None, "return an array like x"),
        (lambda z, t: z + 0j, "complex numbers; return an array like x"),
    ],
)
def test_an_answer_in_another_form_comes_with_what_to_do(net, remedy):
    with pytest.raises(DenoiserContractError, match=remedy):
        wrap.function(net)(X, 1.0)


def test_a_network_without_its_weights_is_refused():
    with pytest.raises(ArgumentError, match="'meta', which hold nothing"):
        wrap.function(torch.nn.Linear(3, 3, device="meta"))


def test_options_of_another_clock_are_refused():
    with pytest.raises(ArgumentError, match="beta_min: is given for the clock 'sigma'"):
        wrap.function(IDEAL, beta_min=0.2)
    wrap.function(IDEAL, "noise", "vp_time", beta_min=0.2)


def test_no_remedy_is_named_that_leaves_the_network_bad():
    """Images with another mean: none of the options mends that, though some make it less bad."""
    for wrong in (lambda x, s: IDEAL(x - 3, s) + 3, lambda x, s: -IDEAL(-x, s) + 1):
        found = handover(wrong, X)
        assert not found.ok and not any(text.startswith("remedy") for text in found.warnings), found.warnings
