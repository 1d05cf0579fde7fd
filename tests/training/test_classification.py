"""The classifier trained here, features of foreign modules, and files that may not be loaded."""

import numpy as np
import pytest
import torch
from torch import nn

from idealscore.compare import memorisation, pairwise_reproducibility
from idealscore.errors import ArgumentError, CheckpointError, ShapeError, UnknownNameError
from idealscore.learned import Classifier, ImageData, LayerFeatures, load_weights, train_classifier
from idealscore.learned.data import load


def linear(inputs, outputs):
    """A layer with given weights: the module's own start would draw from the global generator."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    assert isinstance(layer, nn.Linear)
    for parameter in layer.requires_grad_(False).parameters():
        parameter.copy_(torch.linspace(-1, 1, parameter.numel()).sin().reshape(parameter.shape))
    return layer


@pytest.fixture(scope="module")
def digits():
    return load("digits").split(0.2)


@pytest.fixture(scope="module")
def judge(digits):
    return train_classifier(*digits, steps=300, width=64)


def test_it_learns_the_digits_and_not_their_shuffled_labels(digits, judge):
    training, held_out = digits
    value, error = judge.accuracy(held_out)
    assert value > 0.93 and judge.metadata["accuracy"] == value and 0 < error < 0.02
    order = np.random.default_rng(0).permutation(len(training))
    shuffled = ImageData(training.images, training.labels[torch.from_numpy(order)])
    null = train_classifier(shuffled, held_out, steps=300, width=64)
    assert null.metadata["accuracy"] < 0.2


def test_probabilities_are_a_distribution(digits, judge):
    found = judge.probabilities(digits[1].images[:50], batch_size=7)
    torch.testing.assert_close(found.sum(1), torch.ones(50, dtype=torch.float64))
    assert (judge.classes(digits[1].images[:50]) == found.argmax(1)).all()


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_features_of_a_sample_do_not_depend_on_its_batch(digits, kind):
    net = Classifier((1, 8, 8), 10, kind=kind, width=8, depth=2)
    images = digits[0].images[:6]
    for layer in net.layers:
        alone = net.features(images[2:3].double(), layer)
        torch.testing.assert_close(net.features(images, layer)[2:3], alone)
    assert net.layers[-1] == "logits" and torch.equal(net(images), net.features(images, "logits"))


def test_a_saved_classifier_is_the_same(judge, digits, tmp_path):
    again = Classifier.load(judge.save(tmp_path / "judge.safetensors"))
    assert torch.equal(again(digits[1].images), judge(digits[1].images))
    assert again.metadata == judge.metadata


def test_training_depends_on_its_seed_alone(digits):
    one, same, other = (train_classifier(digits[0], steps=3, width=8, depth=1, seed=s) for s in (0, 0, 1))
    x = digits[1].images[:3]
    assert torch.equal(one(x), same(x)) and not torch.equal(one(x), other(x))


def test_augmentation_moves_and_mirrors(digits):
    from idealscore._support.streams import torch_stream
    from idealscore.learned.probes._train_classifier import _augment

    x = torch.zeros(200, 1, 5, 5)
    x[:, 0, 2, 1] = 1.0
    moved = _augment(x, 0.0, 1, False, torch_stream(0, "test"))
    places = {tuple(map(int, torch.nonzero(image[0])[0])) for image in moved}
    assert places == {(r, c) for r in (1, 2, 3) for c in (0, 1, 2)}
    mirrored = _augment(x, 0.0, 0, True, torch_stream(0, "test"))
    columns = mirrored.sum((0, 1, 2))
    assert columns[1] + columns[3] == 200 and 60 < columns[3] < 140
    noise = _augment(torch.zeros(100, 1, 8, 8), 0.1, 0, False, torch_stream(0, "test"))
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)


# features in the measures


def test_measures_take_a_classifier_and_any_module(digits, judge):
    """In feature space samples of the same class are alike, whatever their pixels; unrelated classes are not."""
    images, labels = digits[1].images.double(), digits[1].labels
    zeros, ones = images[labels == 0][:20], images[labels == 1][:20]
    other = images[labels == 0][-20:]
    inner = nn.Sequential(nn.Flatten(), linear(64, 5)).requires_grad_(False)
    for features in (judge, judge.features, inner):
        found = pairwise_reproducibility({"a": zeros, "b": ones}, features=features)
        assert found.rp.sel(model="a", other="a").item() == 1
        assert memorisation(zeros, images, features=features).generalisation_score.item() == 0
    alike = pairwise_reproducibility({"a": zeros, "b": other}, features=judge).rp.sel(model="a", other="b")
    apart = pairwise_reproducibility({"a": zeros, "b": ones}, features=judge).rp.sel(model="a", other="b")
    assert alike > 0.9 and apart < 0.1


def test_layers_of_a_foreign_module(digits, judge):
    named = LayerFeatures(judge, [f"stages.{name}" for name in judge.layers])(digits[1].images[:4])
    for (_, mine), theirs in zip(judge.activations(digits[1].images[:4]).items(), named.values(), strict=True):
        assert torch.equal(mine, theirs)
    scaled = LayerFeatures(nn.Sequential(nn.Identity()), prepare=lambda x: 2 * x)(torch.ones(2, 3))
    assert torch.equal(scaled["0"], torch.full((2, 3), 2.0))


def test_hooks_are_taken_off_again(judge):
    LayerFeatures(judge, ["stages.logits"])(torch.zeros(1, 1, 8, 8))
    assert not any(module._forward_hooks for module in judge.modules())


def test_weights_come_from_safetensors_alone(tmp_path):
    from safetensors.torch import save_file

    net, other = linear(3, 2), linear(3, 2)
    other.weight.zero_()
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    loaded = load_weights(other, tmp_path / "net.safetensors")
    assert torch.equal(loaded.weight, net.weight) and not loaded.training
    with pytest.raises(CheckpointError, match="another network"):
        load_weights(linear(3, 4), tmp_path / "net.safetensors")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*TorchScript:DeprecationWarning")
def test_torchscript_is_refused_with_the_reason(tmp_path):
    torch.jit.script(linear(3, 2)).save(tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match="TorchScript archive, which holds a program"):
        load_weights(linear(3, 2), tmp_path / "net.pt")
    torch.save(linear(3, 2).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="pickle"):
        load_weights(linear(3, 2), tmp_path / "net.pth")


def foreign(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda d, p: train_classifier(ImageData(d.images)), ArgumentError),
        (lambda d, p: train_classifier(ImageData(d.images, 0 * d.labels)), ArgumentError),
        (lambda d, p: train_classifier(d, shift=8), ArgumentError),
        (lambda d, p: train_classifier(d, steps=0), ArgumentError),
        (lambda d, p: Classifier((1, 8, 8), 1), ArgumentError),
        (lambda d, p: Classifier((1, 8, 8), 10, depth=5), ArgumentError),
        (lambda d, p: Classifier((1, 8, 8), 10, kind="tree"), UnknownNameError),
        (lambda d, p: Classifier((1, 8, 8), 10)(torch.zeros(2, 1, 4, 4)), ShapeError),
        (lambda d, p: Classifier((1, 8, 8), 10).features(d.images[:2], "stage 9"), UnknownNameError),
        (lambda d, p: Classifier((1, 8, 8), 10).accuracy(ImageData(d.images)), ArgumentError),
        (lambda d, p: Classifier.load(foreign(p)), CheckpointError),
        (lambda d, p: load_weights(linear(1, 1), p / "none.safetensors"), CheckpointError),
        (lambda d, p: LayerFeatures(linear(1, 1)), ArgumentError),
        (lambda d, p: LayerFeatures(nn.Sequential(nn.ReLU()), ["1"]), UnknownNameError),
    ],
)
def test_bad_input_is_refused(call, error, digits, tmp_path):
    with pytest.raises(error):
        call(digits[0], tmp_path)
