"""Wherever a network meets data it is tried first: what is wrong with it is said, with the remedy; else nothing."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.compare import track
from idealscore.compare.measures._handover.before_use import before_use
from idealscore.errors import ArgumentError
from idealscore.learned import GuidedDenoiser, data
from idealscore.theory import GaussianDenoiser

DIGITS = data.load("digits").subset(300)
IDEAL = GaussianDenoiser.fit(DIGITS.images)
SAID = "the network as it was handed over"
NETWORKS = """
import numpy as np, torch
from idealscore.learned import data, wrap
from idealscore.theory import GaussianDenoiser

IDEAL = GaussianDenoiser.fit(data.load("some.npz").images)


def right():
    return wrap.function(IDEAL, shape=(1, 8, 8))


def unknown():
    return wrap.function(IDEAL)


def flipped():
    return wrap.function(lambda x, s: 2 * x - IDEAL(x, s), shape=(1, 8, 8))
"""
COMMANDS = {
    "sample": "sample lab:{} --trust --data some.npz --n 2 --steps 3 --out samples",
    "schedule": "schedule some.npz --model lab:{} --trust --steps 2 --n 2 --fine-steps 4 --solver euler --device cpu",
    "risk": "risk some.npz --model lab:{} --trust --n-samples 4 --probes 20 --draws 0",
}


def flipped(x, sigma):
    return 2 * x - IDEAL(x, sigma)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("some.npz", images=(8 * DIGITS.images.numpy() + 8).astype(np.uint8), range=[0, 16])
    (tmp_path / "lab.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "lab", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_is_wrong_and_what_mends_it(name, lab, capsys):
    assert main(COMMANDS[name].format("right").split()) == 0
    assert SAID not in capsys.readouterr().err
    words = COMMANDS[name].format("flipped").split()
    assert main(["others" if word == "samples" else word for word in words]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if SAID in line]
    assert any("worse than doing nothing" in line for line in said), said
    assert any("remedy: the sign" in line for line in said), said


def test_samples_without_data_are_drawn_as_before(lab, capsys):
    assert main(["sample", "lab:flipped", "--trust", "--n", "2", "--steps", "3", "--out", "samples"]) == 0
    assert SAID not in capsys.readouterr().err
    unknown = ["sample", "lab:unknown", "--trust", "--n", "2", "--steps", "3", "--out", "more"]
    assert main(unknown) == 2
    assert "--data" in capsys.readouterr().err
    assert main([*unknown, "--data", "some.npz"]) == 0
    assert np.load("more/samples.npz")["images"].shape == (2, 1, 8, 8)


def test_track_says_so_too():
    theories, x0 = {"gaussian": IDEAL}, DIGITS.images[:40]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert track(IDEAL, theories, x0, [1.0], show=False).attrs["hand_over"] == ""
        assert "hand_over" not in track(flipped, theories, x0, [1.0], hand_over=False, show=False).attrs
    with pytest.warns(UserWarning, match="remedy: the sign"):
        found = track(flipped, theories, x0, [1.0], show=False)
    assert found.attrs["hand_over"] and found.closest.item() == "none"


def test_track_tries_a_network_that_is_told_classes_class_by_class():
    labels = torch.as_tensor(DIGITS.labels) % 2
    optima = [GaussianDenoiser.fit(DIGITS.images[labels == k]) for k in range(2)]

    def told(x, sigma, condition):
        first = condition.reshape(-1, 1, 1, 1).expand(len(x), 1, 1, 1) == 0
        return torch.where(first, optima[0](x, sigma), optima[1](x, sigma))

    def other(x, sigma, condition):
        return 2 * x - told(x, sigma, torch.as_tensor(condition))

    theories, asked = {"gaussian": IDEAL}, {"condition": labels, "show": False}
    networks: list[Any] = [lambda x, s, condition: told(x, s, torch.as_tensor(condition)), other]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        track(networks[0], theories, DIGITS.images, [1.0], **asked)
    with pytest.warns(UserWarning, match=r"at class [01] \(2 of 2 classes"):
        track(networks[1], theories, DIGITS.images, [1.0], **asked)


def test_a_class_is_tried_on_its_own_images_and_without_guidance():
    labels = torch.as_tensor(DIGITS.labels)
    optima = [GaussianDenoiser.fit(DIGITS.images[labels == k]) for k in range(10)]

    def net(x, sigma, condition=None):
        return IDEAL(x, sigma) if condition is None else optima[int(condition)](x, sigma)

    assert before_use(GuidedDenoiser(net, 3, 4.0), DIGITS) == []  # pyright: ignore[reportArgumentType]
    assert before_use(net, DIGITS, 3) == []  # pyright: ignore[reportArgumentType]
    wrong = GuidedDenoiser(lambda x, sigma, condition=None: net(x, sigma, 8), 3, 4.0)
    assert before_use(wrong, DIGITS) != []


def test_a_network_of_another_shape_is_refused():
    class Other(torch.nn.Module):
        shape = (3, 8, 8)

        def forward(self, x, sigma):
            return x

    with pytest.raises(ArgumentError, match=r"shape \(1, 8, 8\)"):
        before_use(Other(), DIGITS)
