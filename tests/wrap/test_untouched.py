"""What belongs to the user stays as it was: precision, device, modes, hooks, weights and the global random state."""

import copy

import pytest
import torch

from idealscore import DiscreteSchedule
from idealscore.compare.measures import distill_linear, fit_affine, linearity, mode_gains
from idealscore.compare.measures._network_identities import network_identities
from idealscore.compare.representation import representation_layers
from idealscore.compare.representation._factorisation import layer_values
from idealscore.learned import wrap
from idealscore.learned.probes import LayerFeatures
from idealscore.learned.sampling import sample_to_folder
from idealscore.simulate.diffusion import forward_backward, sample
from idealscore.theory.identities import assert_identities, check

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))


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
        sigma = torch.as_tensor(sigma, dtype=x.dtype).reshape(-1, 1)
        return (x + 0.01 * self.drop(self.second(self.norm(self.first(x))))) / (1 + sigma**2)


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


USES = {
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
    assert net.seen or name in ("whole steps", "LayerFeatures")


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
