"""What belongs to the user stays as it was: precision, device, modes, hooks, weights and the global random state."""

import copy

import pytest
import torch

from idealscore import DiscreteSchedule
from idealscore.compare import Comparison, clone_experiment, compare, compare_models, feature_survival, track
from idealscore.compare.measures import (
    controlled_reproducibility,
    distill_linear,
    fit_affine,
    handover,
    linearity,
    mode_gains,
    paired_samples,
    probed_range,
    reproducibility,
)
from idealscore.compare.measures._network_identities import network_identities
from idealscore.compare.representation import representation_layers
from idealscore.compare.representation._factorisation import layer_values
from idealscore.learned import GuidedDenoiser, ImageData, describe_network, load_network, wrap
from idealscore.learned.probes import LayerFeatures
from idealscore.learned.sampling import sample_to_folder
from idealscore.simulate.diffusion import forward_backward, sample
from idealscore.theory import GaussianDenoiser, known_levels
from idealscore.theory.identities import assert_identities, check

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
IMAGES = ImageData((X[:, None] / 4).clamp(-1, 1).reshape(40, 1, 2, 2), name="points")
SPLIT = (IMAGES.take(range(20), "training"), IMAGES.take(range(20, 40), "held-out"))
SMALL = Comparison(levels=2, n_images=4, n_noise=1, n_samples=2, theories=("gaussian",))


class Net(torch.nn.Module):
    """All that reacts to being used: statistics of the batch, dropout, a tied weight, a hook, mixed modes and flags."""

    shape = (4,)

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first, self.norm, self.drop = torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5)
            self.second = torch.nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.second.bias.requires_grad_(False)
        self.seen = []
        self.first.register_forward_hook(lambda module, given, out: self.seen.append(len(out)))
        self.train()
        self.second.eval()

    def forward(self, x, sigma, condition=None):
        rows = x.flatten(1)
        sigma = torch.as_tensor(sigma, dtype=x.dtype).reshape(-1, 1)
        answer = (rows + 0.01 * self.drop(self.second(self.norm(self.first(rows))))) / (1 + sigma**2)
        return answer.reshape(x.shape)


def state(net):
    """Everything that may not change."""
    tensors = [*net.named_parameters(), *net.named_buffers()]
    return {
        "values": {name: t.detach().clone() for name, t in tensors},
        "kinds": {name: (t.dtype, t.device, t.requires_grad, t.grad is None, t.data_ptr()) for name, t in tensors},
        "modes": {name: part.training for name, part in net.named_modules()},
        "hooks": {name: [len(part._forward_hooks), len(part._forward_pre_hooks), len(part._backward_hooks)]
                  for name, part in net.named_modules()},
        "attributes": {name: sorted(vars(part)) for name, part in net.named_modules()},
        "random": torch.get_rng_state(),
    }  # fmt: skip


def assert_same(before, after):
    torch.testing.assert_close(before["values"], after["values"], rtol=0, atol=0)
    assert torch.equal(before["random"], after["random"])
    for part in ("kinds", "modes", "hooks", "attributes"):
        assert before[part] == after[part], part


def wrapped(net, **options):
    return wrap.function(net, "noise", "index", schedule=DiscreteSchedule.linear(), **options)


def pictures(net):
    """The network as one of images (1, 2, 2)."""
    return wrap.edm(net, shape=(1, 2, 2))


def halves(images):
    return (images.flatten(1)[:, 0] > 0).long()


USES = {
    "handover": lambda net, path: handover(net, X),
    "handover, wrapped": lambda net, path: handover(wrapped(net), X),
    "probed_range": lambda net, path: probed_range(net, X, [0.1, 10.0]),
    "identify": lambda net, path: wrap.identify(net, X, range=(-1, 1), clock="sigma", show=False),
    "identify, in steps": lambda net, path: wrap.identify(net, X, range=(-1, 1), clock="index", show=False),
    "track": lambda net, path: track(net, {"gaussian": GaussianDenoiser.fit(X)}, X, [1.0], show=False),
    "track, network": lambda net, path: track(
        wrapped(net), {"gaussian": GaussianDenoiser.fit(X)}, X[:4], "network", hand_over=False, show=False
    ),
    "known_levels": lambda net, path: known_levels(wrapped(net), [1.0]),
    "compare": lambda net, path: compare(pictures(net), *SPLIT, SMALL, show=False),
    "compare, as it is": lambda net, path: compare(net, *SPLIT, SMALL, show=False),
    "compare_models": lambda net, path: compare_models(
        {"one": pictures(net), "two": GaussianDenoiser.fit(IMAGES.images)}, *SPLIT, SMALL, show=False
    ),
    "network_identities, data": lambda net, path: network_identities(
        pictures(net), IMAGES, [1.0], identities=["symmetry"]
    ),
    "load_network": lambda net, path: describe_network(load_network(wrap.edm(net))),
    "guidance": lambda net, path: GuidedDenoiser(net, 1, 0.5)(X, 1.0),
    "paired_samples": lambda net, path: paired_samples({"net": net}, (4,), 2, show=False),
    "reproducibility": lambda net, path: reproducibility({"a": net, "b": net}, (4,), 4, show=False),
    "controlled_reproducibility": lambda net, path: controlled_reproducibility({"a": net, "b": net}, (4,), 4),
    "clone_experiment": lambda net, path: clone_experiment(net, X[:4], halves, [1.0], n_steps=3, show=False),
    "feature_survival": lambda net, path: feature_survival(
        net, X[:4], lambda x: {"all": x}, [1.0], n_steps=3, show=False
    ),
    "wrap.function": lambda net, path: wrapped(net)(X, 1.0),
    "whole steps": lambda net, path: wrapped(net, integer=True).steps([1.0]),
    "eval": lambda net, path: wrapped(net).eval()(X, 1.0),
    "wrap.edm": lambda net, path: wrap.edm(net)(X, 1.0),
    "double points": lambda net, path: wrap.edm(net)(X.double(), 1.0),
    "sample": lambda net, path: sample(net, X, [2.0, 1.0, 0.0]),
    "sample, network": lambda net, path: sample(wrapped(net), X, "network"),
    "forward_backward": lambda net, path: forward_backward(net, X, 1.0, n_steps=3),
    "sample_to_folder": lambda net, path: sample_to_folder(net, path, 2, show=False),
    "check": lambda net, path: check(net, X[:3], 1.0, every_sigma=False, n_samples=8, n_probes=2),
    "assert_identities": lambda net, path: assert_identities(
        net, (4,), [1.0], identities=["symmetry"], tolerance=9.0, dtype=torch.float32
    ),
    "network_identities": lambda net, path: network_identities(net, None, [1.0]),
    "network_identities, wrapped": lambda net, path: network_identities(
        wrap.function(net, shape=(4,)), None, [1.0], identities=["symmetry"]
    ),
    "linearity": lambda net, path: linearity(net, X, [1.0], n_pairs=4),
    "fit_affine": lambda net, path: fit_affine(net, X, 1.0),
    "distill_linear": lambda net, path: distill_linear(net, X, [1.0]),
    "mode_gains": lambda net, path: mode_gains(net, torch.eye(4), X, 1.0),
    "layer_values": lambda net, path: layer_values(net, representation_layers(net)[0], X, 1.0),
    "LayerFeatures": lambda net, path: LayerFeatures(net, ["first"], prepare=None),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_nothing_of_a_module_changes(name, tmp_path):
    net = Net()
    before = state(net)
    USES[name](net, tmp_path / "out")
    assert_same(before, state(net))
    assert net.seen or name in ("whole steps", "LayerFeatures", "known_levels", "load_network")


def test_a_change_would_be_seen():
    net = Net()
    before = state(net)
    for change in (lambda n: n.double(), lambda n: n.eval(), lambda n: n(X, 1.0), lambda n: n.requires_grad_(False)):
        changed = copy.deepcopy(net)
        with torch.random.fork_rng(devices=[]):
            change(changed)
        after = state(changed)
        after["kinds"] = {k: (*v[:4], before["kinds"][k][4]) for k, v in after["kinds"].items()}
        with pytest.raises(AssertionError):
            assert_same(before, after)


def test_modes_come_back_after_an_error():
    net = Net()
    before = state(net)
    for use in (lambda: wrap.edm(net)(X[:, :3], 1.0), lambda: sample(net, X[:, :3], [2.0, 1.0])):
        with pytest.raises(Exception, match=r"shape|mat1"):
            use()
    assert_same(before, state(net))


def test_training_through_a_wrapper_is_possible():
    net = Net()
    denoiser = wrap.edm(net).train()
    with torch.random.fork_rng(devices=[]):
        denoiser(X, 1.0).sum().backward()
    assert net.norm.num_batches_tracked == 1 and net.first.weight.grad is not None


def test_a_network_that_cannot_be_double_is_measured_as_it_is():
    class Single(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)

        def forward(self, x, sigma):
            return self.layer(x.float()) / (1 + torch.as_tensor(sigma).to(x).reshape(-1, 1) ** 2)

    with torch.random.fork_rng(devices=[]):
        net = wrap.function(Single(), shape=(4,))
    found = network_identities(net, None, [1.0], identities=["symmetry"])
    assert bool(found["size"].notnull().all())
