"""The commands train and sample: from data to a run folder to samples, resumed by repeating them."""

import json

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.errors import ArgumentError, DataFileError, DataWarning
from idealscore.learned import checkpoint
from idealscore.learned.data import ImageData, load
from idealscore.learned.networks import LinearDenoiser, MLPDenoiser
from idealscore.learned.sampling import sample_to_folder
from idealscore.learned.training import Levels, LogNormal, Steps, TrainConfig, estimate, train
from idealscore.learned.training.noise_levels import noise_from_text

TINY = ["--network", "mlp", "--width", "8", "--depth", "1", "--steps", "4", "--batch", "8"]


@pytest.fixture
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_train_then_sample(inside, capsys):
    code, out, _ = run(capsys, "train", "digits", *TINY, "--subset", "32", "--seed", "3")
    assert code == 0 and "run-digits" in out
    config = json.loads((inside / "run-digits" / "config.json").read_text())
    assert config["data"]["n"] == 32 and config["train"]["seed"] == 3 and config["network"]["width"] == 8
    assert config["data"]["fingerprint"] == load("digits").subset(32, 3).fingerprint
    code, again, _ = run(capsys, "train", "digits", *TINY, "--subset", "32", "--seed", "3")
    assert code == 0 and again == out
    code, _, err = run(capsys, "train", "digits", *TINY, "--subset", "32", "--seed", "4")
    assert code == 2 and "another" in err
    code, out, _ = run(capsys, "sample", "run-digits", "--n", "5", "--steps", "4", "--batch", "2")
    assert code == 0
    with pytest.warns(DataWarning, match="leave the range"):  # four steps make no good network
        samples = load(inside / "run-digits" / "samples" / "samples.npz", values=(-1, 1))
    assert samples.shape == (1, 8, 8) and len(samples) == 5


def test_train_an_ensemble_over_sizes_and_seeds(inside, capsys):
    code, out, _ = run(capsys, "train", "digits", *TINY, "--subset", "16", "32", "--ensemble", "2", "--out", "many")
    assert code == 0 and "4 replicas" in out
    config = json.loads((inside / "many" / "config.json").read_text())
    assert [part["n"] for part in config["data"]] == [16, 16, 32, 32] and config["train"]["seeds"] == [0, 1, 0, 1]
    assert checkpoint.load(inside / "many").replicas == 4


def test_dry_run_writes_nothing(inside, capsys):
    code, out, _ = run(capsys, "train", "digits", "--preset", "digits", "--batch", "16", "--dry-run")
    assert code == 0 and not list(inside.iterdir())
    resolved, end = json.JSONDecoder().raw_decode(out)
    assert resolved["network"]["network"] == "mlp" and resolved["train"]["steps"] == 2500
    assert resolved["train"]["batch"] == 16 and resolved["train"]["noise"]["mean"] == -0.4
    assert "parameters" in out[end:] and "MiB" in out[end:]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["train", "digits", "--network", "nut"], "network"),
        (["train", "digits", "--network", "linear", "--width", "3"], "width"),
        (["train", "digits", "--noise", "lognormal"], "noise"),
        (["train", "digits", "--noise", "levels"], "sigmas"),
        (["train", "digits", "--subset", "0"], "size"),
        (["train", "digits", "--preset", "x"], "preset"),
        (["train", "digits", "--network", "unet", "--multipliers", "1", "1", "1", "1", "1"], "multipliers"),
        (["train", "nothing"], "data"),
        (["train", "digits", "--device", "gpu"], "device"),
        (["train", "digits", "--device", "cuda:99"], "device"),
        (["sample", "nowhere"], "nowhere"),
        (["sample", "nowhere", "--method", "magic"], "method"),
    ],
)
def test_bad_input_is_one_line(inside, capsys, arguments, word):
    code, _, err = run(capsys, *arguments)
    assert code == 2 and word in err and len(err.strip().splitlines()) == 1
    assert not list(inside.iterdir())


def test_noise_in_words():
    assert noise_from_text("lognormal -1 0.5") == LogNormal(-1.0, 0.5)
    assert noise_from_text("levels 0.5 2") == Levels((0.5, 2.0))
    assert noise_from_text("steps cosine 100") == Steps("cosine", 100)


def test_samples_do_not_depend_on_parts_and_resume(tmp_path):
    network = LinearDenoiser((2,), sigma_data=0.5)
    grid = [5.0, 1.0, 0.0]
    paths = [sample_to_folder(network, tmp_path / str(size), 7, batch=size, sigmas=grid) for size in (2, 7)]
    first, second = (np.load(path)["images"] for path in paths)
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    parts = sorted((tmp_path / "2" / "parts").iterdir())
    assert len(parts) == 4
    np.save(parts[0], np.full((2, 2), 9.0, np.float32))
    parts[1].unlink()
    again = np.load(sample_to_folder(network, tmp_path / "2", 7, batch=2, sigmas=grid))["images"]
    assert (again[:2] == 9).all() and np.array_equal(again[2:], first[2:])
    with pytest.raises(DataFileError, match="made otherwise"):
        sample_to_folder(network, tmp_path / "2", 7, batch=2, sigmas=[5.0, 2.0, 0.0])
    with pytest.raises(ArgumentError, match="shape"):
        sample_to_folder(lambda x, sigma: x, tmp_path / "3", 7)


def test_estimate_counts():
    network, data = MLPDenoiser((4,), width=16, depth=1), ImageData(torch.zeros(10, 4))
    config = TrainConfig(steps=10, batch=4)
    found = estimate([network], [data], config)
    assert found.parameters == sum(p.numel() for p in network.parameters())
    weights = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    assert 4 * weights <= found.flops_per_image <= 6 * weights
    assert found.memory > 20 * found.parameters
    both = estimate([network, network], [data, data], config)
    assert both.parameters == 2 * found.parameters and both.memory == 2 * found.memory


def test_a_preset_brings_its_subset(inside, capsys):
    np.savez("pictures.npz", images=np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), dtype=np.uint8))
    small = ["--width", "8", "--heads", "1", "--attention", "8", "--steps", "2", "--batch", "4"]
    plain = ["--precision", "float32", "--no-compile"]
    code, _, err = run(capsys, "train", "pictures.npz", "--preset", "cifar10-memorise", *small, *plain)
    assert code == 0, err
    config = json.loads((inside / "run-pictures" / "config.json").read_text())
    assert config["data"]["n"] == 256 and config["network"]["multipliers"] == [1, 2, 2]
    assert config["train"]["learning_rate"] == 4e-4 and config["train"]["precision"] == "float32"


def test_tensorboard_mirrors_the_log(inside, capsys):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logged = ["train", "digits", *TINY, "--log-every", "2", "--tensorboard", "--ensemble", "2"]
    assert run(capsys, *logged)[0] == 0
    records = [json.loads(line) for line in (inside / "run-digits" / "stats.jsonl").read_text().splitlines()]
    events = accumulator.EventAccumulator(str(inside / "run-digits" / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= {"loss", "learning_rate", "gradient_norm", "losses/0", "losses/1"}
    seen = [(event.step, event.value) for event in events.Scalars("loss")]
    assert [step for step, _ in seen] == [2, 4]
    np.testing.assert_allclose([value for _, value in seen], [record["loss"] for record in records], rtol=1e-6)
    with pytest.raises(ArgumentError, match="tensorboard"):
        network = MLPDenoiser((1, 8, 8), width=8, depth=1)
        train(network, load("digits"), TrainConfig(steps=1, batch=2), tensorboard=True)
