"""Checkpoints: what is written comes back; what is broken, foreign or unsafe is refused by name."""

import json
import pickle

import pytest
import torch

from idealscore.errors import CheckpointError
from idealscore.learned import checkpoint
from idealscore.learned.networks import LinearDenoiser, MLPDenoiser, UNetDenoiser


@pytest.mark.parametrize(
    "network",
    [
        LinearDenoiser((2, 3), sigmas=(0.5, 2.0)),
        MLPDenoiser((4,), width=8, depth=1, n_classes=3),
        UNetDenoiser((1, 8, 8), width=8, multipliers=(1, 2), blocks=1, seed=3),
    ],
)
def test_round_trip(tmp_path, network):
    path = checkpoint.save(network, tmp_path / "net.safetensors", note="mine")
    again = checkpoint.load(path)
    assert again.config == network.config and again.metadata["note"] == "mine"
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    x = torch.randn(2, *network.config.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(x, 0.5), network.eval()(x, 0.5))


def test_nothing_is_left_beside_the_file(tmp_path):
    checkpoint.save(MLPDenoiser((2,), width=4, depth=1), tmp_path / "a.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_pickles_are_refused_and_not_run(tmp_path):
    class Canary:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    for protocol in range(2, 6):
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Canary(), protocol=protocol))
        with pytest.raises(CheckpointError, match=r"evil\.pkl is a pickle.*can run any code.*safetensors"):
            checkpoint.load(tmp_path / "evil.pkl")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "torch.pt")
    with pytest.raises(CheckpointError, match="pickle"):
        checkpoint.load(tmp_path / "torch.pt")
    assert not (tmp_path / "canary").exists()


def test_truncation_anywhere_is_named(tmp_path):
    path = checkpoint.save(MLPDenoiser((2,), width=4, depth=1), tmp_path / "a.safetensors")
    whole = path.read_bytes()
    for length in [0, 3, 8, 20, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"a\.safetensors is truncated"):
            checkpoint.load(path)


def test_missing_foreign_and_other_networks(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(CheckpointError, match="does not exist"):
        checkpoint.load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="does not exist"):
        checkpoint.load(tmp_path)
    path = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="does not hold an idealscore network"):
        checkpoint.load(path)
    save_file({"w": torch.zeros(2)}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match="not written by idealscore"):
        checkpoint.load(path)
    network = MLPDenoiser((2,), width=4, depth=1)
    for description in ({"network": "quantum", "shape": [2]}, {**network.describe(), "colour": 3}, {}):
        metadata = {"format": json.dumps(checkpoint.FORMAT), "network": json.dumps(description)}
        save_file({"w": torch.zeros(2)}, path, metadata)
        with pytest.raises(CheckpointError, match="does not describe a network of this version"):
            checkpoint.load(path)
    metadata["network"] = json.dumps(network.describe())
    save_file({"w": torch.zeros(2)}, path, metadata)
    with pytest.raises(CheckpointError, match="another network"):
        checkpoint.load(path)
    wider = MLPDenoiser((2,), width=5, depth=1).state_dict()
    save_file(wider, path, metadata)
    with pytest.raises(CheckpointError, match="another network"):
        checkpoint.load(path)
