"""Ensembles: every replica is what a lone run gives, whatever the others do."""

import json

import pytest
import torch

from idealscore.errors import ArgumentError, ShapeError, TrainingError
from idealscore.learned import checkpoint
from idealscore.learned.data import ImageData
from idealscore.learned.networks import EnsembleDenoiser, LinearDenoiser, LocalNet, MLPDenoiser, UNetDenoiser
from idealscore.learned.training import TrainConfig, train, train_ensemble, train_groups

CONFIG = TrainConfig(steps=8, batch=8, warmup=2, log_every=2, checkpoint_every=4, snapshots=2)
KINDS = {
    "linear": lambda seed: LinearDenoiser((1, 4, 4), sigmas=(0.5, 2.0), seed=seed),
    "mlp": lambda seed: MLPDenoiser((1, 4, 4), width=8, depth=1, seed=seed),
    "unet": lambda seed: UNetDenoiser((1, 4, 4), width=4, multipliers=(1, 2), blocks=1, attention=(4,), seed=seed),
    "local": lambda seed: LocalNet((1, 4, 4), width=8, depth=2, seed=seed),
    "labelled": lambda seed: MLPDenoiser((1, 4, 4), width=8, depth=1, n_classes=2, seed=seed),
}


def images(n=30):
    generator = torch.Generator().manual_seed(0)
    return ImageData(torch.randn(n, 1, 4, 4, generator=generator), torch.arange(n) % 2)


def close(first, second, tolerance=2e-4):
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(0.5)
def test_replica_equals_lone_run(kind):
    """Different starts, seeds and training sets of different sizes in one pass; a changed seed would show."""
    from dataclasses import replace

    seeds, sets = [3, 4, 9], [images().subset(size, seed=1) for size in (5, 11, 30)]
    starts = [KINDS[kind](seed) for seed in (0, 1, 2)]
    trained = train_ensemble(starts, sets, CONFIG, seeds=seeds)
    x = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    batched = trained.batched(x, 0.8)
    for i in range(3):
        lone = train(starts[i], sets[i], replace(CONFIG, seed=seeds[i]))
        close(trained.networks[i], lone.network)
        torch.testing.assert_close(batched[i], lone.network(x, 0.8), rtol=1e-3, atol=1e-4)
        losses = [record["losses"][i] for record in trained.history]
        assert losses == pytest.approx([record["loss"] for record in lone.history], rel=1e-3)
        other = train(starts[i], sets[i], replace(CONFIG, seed=seeds[i] + 100)).network
        with pytest.raises(AssertionError):
            close(trained.networks[i], other)


def test_each_replica_is_clipped_on_its_own():
    """One replica with huge data, and so huge gradients, leaves the other untouched."""
    calm, wild = images(), ImageData(1000 * images().images)
    starts = [KINDS["mlp"](0), KINDS["mlp"](1)]
    quiet = train_ensemble(starts, [calm, calm], CONFIG).networks[0]
    close(train_ensemble(starts, [calm, wild], CONFIG).networks[0], quiet, 1e-5)


def test_batched_denoiser():
    networks = [KINDS["labelled"](seed) for seed in range(3)]
    with torch.no_grad():
        for i, network in enumerate(networks):
            network.leave.weight.normal_(generator=torch.Generator().manual_seed(i))
    ensemble = EnsembleDenoiser(networks)
    x = torch.randn(3, 5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    sigma, labels = torch.linspace(0.1, 2.0, 15).reshape(3, 5), torch.tensor([0, 1, 0, 1, -1])
    out = ensemble(x, sigma, condition=labels)
    for i, network in enumerate(networks):
        torch.testing.assert_close(out[i], network(x[i], sigma[i], condition=labels), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ensemble(x[0], 0.5)[i], network(x[0], 0.5), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ensemble.networks()[i](x[0], 0.5), network(x[0], 0.5), rtol=0, atol=0)
    with pytest.raises(ShapeError):
        ensemble(x[:2], 0.5)
    with pytest.raises(ShapeError, match="sigma"):
        ensemble(x, torch.ones(3))
    with pytest.raises(ArgumentError, match="sigma"):
        ensemble(x, -1.0)
    with pytest.raises(ArgumentError):
        EnsembleDenoiser([KINDS["mlp"](0), KINDS["linear"](0)])
    with pytest.raises(ArgumentError):
        EnsembleDenoiser([])


def test_run_folder_resumes_and_reloads(tmp_path, monkeypatch):
    from idealscore.learned.training.loop import Loop

    starts = [KINDS["mlp"](seed) for seed in range(2)]
    whole = train_ensemble(starts, images(), CONFIG)
    real = Loop._step

    def interrupted(self):
        if self.state.step == 6:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(Loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_ensemble(starts, images(), CONFIG, tmp_path)
    monkeypatch.setattr(Loop, "_step", real)
    resumed = train_ensemble(starts, images(), CONFIG, tmp_path)
    for ensemble in (resumed.batched, checkpoint.load(tmp_path), resumed.snapshots[8]):
        for a, b in zip(whole.batched.parameters(), ensemble.parameters(), strict=True):
            assert torch.equal(a, b)
    assert json.loads((tmp_path / "config.json").read_text())["network"]["replicas"] == 2


def test_bad_input_is_refused():
    starts = [KINDS["mlp"](seed) for seed in range(2)]
    with pytest.raises(ArgumentError, match="seeds"):
        train_ensemble(starts, images(), CONFIG, seeds=[1])
    with pytest.raises(ArgumentError, match="data"):
        train_ensemble(starts, [images()], CONFIG)
    with pytest.raises(ArgumentError, match="dropout"):
        train_ensemble([MLPDenoiser((1, 4, 4), width=8, depth=1, dropout=0.1)], images(), CONFIG)
    with pytest.raises(TrainingError, match="replica 1"):
        broken = ImageData(images().images * 1e30)
        train_ensemble(starts, [images(), broken], CONFIG)


def test_groups_keep_the_order_and_the_lone_result(tmp_path):
    from dataclasses import replace

    networks = [MLPDenoiser((1, 4, 4), width=width, depth=1, seed=width) for width in (4, 8, 4)]
    sets = [images().subset(size) for size in (10, 20, 30)]
    trained = train_groups(networks, sets, CONFIG, tmp_path)
    for i in range(3):
        close(trained[i], train(networks[i], sets[i], replace(CONFIG, seed=i)).network)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["group-0", "group-1"]
    with pytest.raises(ArgumentError, match="seeds"):
        train_groups(networks, sets, CONFIG, seeds=[0])


def test_continuous_conditions_of_each_replica():
    from dataclasses import replace

    networks = [MLPDenoiser((1, 4, 4), width=8, depth=1, condition_dim=2, seed=i) for i in range(2)]
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(30, 2, generator=generator) for _ in range(2)]
    config = replace(CONFIG, condition_dropout=0.3)
    together = train_ensemble(networks, images(), config, condition=given).networks
    for i in range(2):
        close(together[i], train(networks[i], images(), replace(config, seed=i), condition=given[i]).network)
