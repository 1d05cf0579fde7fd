"""Networks from files, folders, a cache of the hub and objects: the same answers, or one line that says what to do."""

import json
import shutil
import warnings
from typing import Any

import pytest
import torch
from test_schedulers import BLOCKS, KIND, points, seeded

import idealscore
from idealscore.cli import main
from idealscore.cli._network import is_reference
from idealscore.errors import ArgumentError, CheckpointError
from idealscore.learned import GuidedDenoiser, checkpoint, describe_network, load_network, wrap
from idealscore.learned.networks import MLPDenoiser, UNetDenoiser
from idealscore.learned.wrap import diffusers_pipeline


@pytest.fixture(scope="module")
def library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("diffusers", reason="diffusers is not installed")


@pytest.fixture(scope="module")
def unet(library):
    return seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS))


@pytest.fixture(scope="module")
def classes(library):
    return seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS, num_class_embeds=11))


@pytest.fixture(scope="module")
def expected(library, unet):
    return wrap.diffusers(unet, library.DDPMScheduler())(points(), 1.0)


@pytest.fixture
def pipe(library, unet, tmp_path):
    library.DDPMPipeline(unet, library.DDPMScheduler()).save_pretrained(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipeline_its_network_alone_and_an_average(library, unet, pipe, expected, tmp_path):
    for source in (pipe, str(pipe), pipe / "unet", library.DDPMPipeline(unet, library.DDPMScheduler())):
        torch.testing.assert_close(idealscore.load_network(source)(points(), 1.0), expected)
    scheduler = library.DDPMScheduler()
    torch.testing.assert_close(load_network(unet, scheduler=scheduler)(points(), 1.0), expected)
    (tmp_path / "checkpoint-5").mkdir()
    alone = shutil.copytree(pipe / "unet", tmp_path / "checkpoint-5" / "unet")
    for source in (alone, alone.parent):
        with pytest.raises(CheckpointError, match=r"no scheduler_config\.json .* pass scheduler="):
            load_network(source)
        torch.testing.assert_close(load_network(source, scheduler=scheduler)(points(), 1.0), expected)
        torch.testing.assert_close(load_network(source, scheduler=pipe)(points(), 1.0), expected)
    with pytest.raises(CheckpointError, match="unet_ema"):
        load_network(pipe, ema=True)
    averaged = seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS))
    with torch.no_grad():
        averaged.conv_out.bias += 1
    averaged.save_pretrained(pipe / "unet_ema")
    other = wrap.diffusers(averaged, scheduler)(points(), 1.0)
    for ema, wanted in {None: other, True: other, False: expected}.items():
        found = load_network(pipe, ema=ema)
        torch.testing.assert_close(found(points(), 1.0), wanted)
        assert ("unet_ema" in found.metadata["source"]) == (ema is not False)
    torch.testing.assert_close(load_network(pipe / "unet_ema")(points(), 1.0), other)


def test_variants(library, unet, pipe, tmp_path):
    half = seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS)).half()
    library.DDPMPipeline(half, library.DDPMScheduler()).save_pretrained(tmp_path / "half", variant="fp16")
    with pytest.raises(CheckpointError, match="pass variant='fp16'"):
        load_network(tmp_path / "half")
    found = load_network(tmp_path / "half", variant="fp16")(points(), 1.0)
    torch.testing.assert_close(found, load_network(pipe)(points(), 1.0), rtol=1e-2, atol=1e-2)
    with pytest.raises(CheckpointError, match="leave the variant out"):
        load_network(pipe, variant="fp16")
    path = checkpoint.save(MLPDenoiser((2,), width=8), tmp_path / "net.safetensors")
    with pytest.raises(ArgumentError, match="for networks of diffusers"):
        load_network(path, variant="fp16")


def test_a_transformer_and_a_text_pipeline(library, tmp_path):
    config = dict(num_attention_heads=2, attention_head_dim=8, in_channels=2, out_channels=4, num_layers=1)
    config |= dict(sample_size=8, patch_size=2, num_embeds_ada_norm=5)
    net = seeded(lambda: library.DiTTransformer2DModel(**config))
    net.save_pretrained(tmp_path / "dit" / "transformer")
    library.DDIMScheduler().save_pretrained(tmp_path / "dit" / "scheduler")
    index = {"_class_name": "DiTPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    index |= {"transformer": ["diffusers", "DiTTransformer2DModel"], "scheduler": ["diffusers", "DDIMScheduler"]}
    (tmp_path / "dit" / "model_index.json").write_text(json.dumps(index))
    x = points(2, shape=(2, 8, 8))
    direct = wrap.diffusers(net, library.DDIMScheduler())
    conditional, plain = direct(x, 1.0, condition=3), direct(x, 1.0, condition=5)
    found = load_network(tmp_path / "dit", condition=3)
    torch.testing.assert_close(found(x, 1.0), conditional)
    found = load_network(tmp_path / "dit", condition=3, guidance=1.5)
    torch.testing.assert_close(found(x, 1.0), plain + 2.5 * (conditional - plain))


def test_the_cache_of_the_hub(library, pipe, expected, tmp_path, monkeypatch):
    """A cache laid out as the hub's: blobs, snapshots of links, refs; no network is asked."""
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    commit, home = "0123456789abcdef0123456789abcdef01234567", tmp_path / "hub" / "models--owner--name"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    (home / "blobs").mkdir()
    for k, file in enumerate(sorted(path for path in pipe.rglob("*") if path.is_file())):
        blob, link = home / "blobs" / f"{k:040d}", home / "snapshots" / commit / file.relative_to(pipe)
        shutil.copy(file, blob)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    for name in ("hf:owner/name", "hf:owner/name@main"):
        found = load_network(name, cache_dir=tmp_path / "hub")
        torch.testing.assert_close(found(points(), 1.0), expected)
    with pytest.raises(CheckpointError, match="cannot be had from the hub"):
        load_network("hf:owner/other", cache_dir=tmp_path / "hub")
    with pytest.raises(CheckpointError, match="no id of the hub"):
        load_network("hf:owner")


def test_guidance_of_own_and_foreign_networks(library, classes):
    own = UNetDenoiser((1, 8, 8), width=8, multipliers=(1,), n_classes=3)
    x = points()
    conditional, plain = own(x, 1.0, condition=1), own(x, 1.0)
    guided = load_network(own, condition=1, guidance=0.5)
    torch.testing.assert_close(guided(x, 1.0), plain + 1.5 * (conditional - plain))
    torch.testing.assert_close(load_network(own, condition=1, guidance=0)(x, 1.0), conditional)
    torch.testing.assert_close(load_network(own, condition=1, guidance=-1)(x, 1.0), plain)
    assert guided.shape == (1, 8, 8)
    theirs = wrap.diffusers(classes, library.DDPMScheduler())
    with pytest.raises(ArgumentError, match="pass null="):
        GuidedDenoiser(theirs, 3, guidance=1.0)(x, 1.0)
    conditional, plain = theirs(x, 1.0, condition=3), theirs(x, 1.0, condition=10)
    guided = GuidedDenoiser(theirs, guidance=1.0, null=10)
    torch.testing.assert_close(guided(x, 1.0, condition=3), plain + 2 * (conditional - plain))
    assert guided.noise_range == theirs.noise_range and guided.grid is not None
    with pytest.raises(ArgumentError, match="--condition"):
        guided(x, 1.0)


def test_one_line_on_a_network(library, unet, pipe):
    line = describe_network(load_network(pipe))
    assert "predicts='noise'" in line and "clock='index'" in line and "to 157.4 in 1000 steps" in line
    lowest = float(line.split("levels from ")[1].split()[0])  # of the library's float32: 0.01 to three digits
    assert lowest == pytest.approx(0.01, rel=1e-3)
    fourier = seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS, time_embedding_type="fourier"))
    line = describe_network(wrap.diffusers(fourier, library.ScoreSdeVeScheduler()))
    assert "predicts='score'" in line and "data 0 ... 1 to it" in line
    line = describe_network(GuidedDenoiser(MLPDenoiser((2,), width=8, n_classes=2), 1, 0.5))
    assert "condition 1, guided towards it with weight 0.5" in line


def test_an_optimum_of_the_theory_is_a_denoiser_already():
    from idealscore.theory import GaussianDenoiser

    optimum = GaussianDenoiser(torch.zeros(2), torch.eye(2))
    assert load_network(optimum) is optimum and "GaussianDenoiser" in describe_network(optimum)


def test_objects_of_other_libraries_find_their_adapter():
    class EDM(torch.nn.Module):
        sigma_data, img_resolution, img_channels = 0.5, 4, 1

        def forward(self, x, sigma, class_labels=None):
            return x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2)

    found = load_network(torch.nn.DataParallel(EDM()))
    torch.testing.assert_close(found(torch.ones(1, 1, 4, 4), 1.0), torch.full((1, 1, 4, 4), 0.5))
    assert found.noise_range is None

    class Ranged(EDM):
        sigma_min, sigma_max = 0.002, 80.0

    assert load_network(Ranged()).noise_range == (0.002, 80.0)
    with pytest.raises(ArgumentError, match=r"wrap\.function"):
        load_network(torch.nn.Identity())


# ------------------------------------------------------------------------------------------------ bad input


def spoilt(pipe, library, how):
    weights, config = pipe / "unet" / "diffusion_pytorch_model.safetensors", pipe / "unet" / "config.json"
    index, scheduler = pipe / "model_index.json", pipe / "scheduler" / "scheduler_config.json"

    def edit(file, **changes):
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    if how == "no weights":
        weights.unlink()
    elif how == "pickled":
        torch.save({}, weights.with_suffix(".bin"))
        weights.unlink()
    elif how == "another shape":
        edit(config, block_out_channels=[8, 16])
    elif how == "fewer layers":
        edit(config, layers_per_block=2)
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif how == "broken config":
        config.write_text("{")
    elif how == "broken index":
        index.write_text("[]")
    elif how == "unknown scheduler":
        edit(scheduler, _class_name="NewScheduler")
    elif how == "no scheduler":
        shutil.rmtree(pipe / "scheduler")
    elif how == "other code":
        edit(index, unet=["my_package", "MyUNet"])
    elif how == "other network":
        edit(index, unet=["diffusers", "AutoencoderKL"])
    elif how == "other prediction":
        edit(scheduler, prediction_type="raw")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no weights", "has no weights"),
        ("pickled", "weights_only=True"),
        ("another shape", "cannot be read as UNet2DModel|do not fit"),
        ("fewer layers", "cannot be read as UNet2DModel|do not fit"),
        ("truncated", "cannot be read as UNet2DModel"),
        ("broken config", "cannot be read as UNet2DModel|damaged"),
        ("broken index", "damaged"),
        ("unknown scheduler", "'NewScheduler' is none that diffusers"),
        ("no scheduler", r"no scheduler_config\.json"),
        ("other code", "no code of a checkpoint is run"),
        ("other network", "holds a AutoencoderKL"),
        ("other prediction", "prediction type 'raw'"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_one_line(library, pipe, capsys, how, words):
    spoilt(pipe, library, how)
    with pytest.raises(ArgumentError, match=words):
        load_network(pipe)
    assert main(["sample", str(pipe), "--n", "2", "--steps", "2"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and told[0].startswith("idealscore: ")


def test_pickles_are_refused_with_the_lines_that_load_them_safely(tmp_path):
    for name in ("last.ckpt", "net.pt", "net.pkl"):
        (tmp_path / name).write_bytes(b"\x80")
        with pytest.raises(CheckpointError, match=r"torch\.load\(.*weights_only=True.*load_state_dict.*wrap\.function"):
            load_network(tmp_path / name)
    with pytest.raises(CheckpointError, match=r"pickles only .*weights_only=True"):
        load_network(tmp_path)
    with pytest.raises(CheckpointError):
        load_network(tmp_path / "nothing")


# ------------------------------------------------------------------------------------------------ the command line


def test_a_function_of_a_module_needs_trust(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_network.py").write_text(
        "import torch\nfrom idealscore.learned import wrap\n\n\n"
        "def build():\n    return wrap.function(lambda x, t: x / 2, shape=(1, 8, 8))\n\n\n"
        "def broken():\n    raise KeyError('weights')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_reference("my_network:build") and not is_reference("hf:owner/name")
    command = ["sample", "my_network:build", "--n", "2", "--steps", "3", "--out", "o"]
    assert main(command) == 2
    assert "add --trust" in capsys.readouterr().err and not (tmp_path / "o").exists()
    assert main([*command, "--trust"]) == 0
    assert "--trust: the code of my_network:build runs" in capsys.readouterr().err
    assert main(["sample", "my_network:broken", "--trust"]) == 2
    assert "raises KeyError" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="add --trust"):
        load_network("my_network:build")


def test_sample_and_compare_of_a_pipeline_with_classes(library, classes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    library.DDPMPipeline(classes, library.DDPMScheduler()).save_pretrained("p")
    compare = ["compare", "digits", "--model", "p", "--n-images", "4", "--levels", "2", "--theories", "gaussian"]
    sample = ["sample", "p", "--n", "2", "--steps", "3"]
    for command in ([*compare, "--out", "none"], sample):
        assert main(command) == 2
        told = capsys.readouterr().err.strip().splitlines()
        assert "--condition" in told[-1] and "11 classes" in told[-1]
    assert main([*sample, "--condition", "3", "--guidance", "1", "--null", "10", "--out", "s"]) == 0
    assert main([*sample, "--condition", "class"]) == 2
    assert main([*compare, "--condition", "3rd"]) == 2
    assert main([*compare, "--guidance", "1"]) == 2


@pytest.mark.slow
def test_compare_a_pipeline_at_the_labels_of_the_data_and_at_one_class(library, classes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    library.DDPMPipeline(classes, library.DDPMScheduler()).save_pretrained("p")
    compare = ["compare", "digits", "--model", "p", "--n-images", "4", "--levels", "2", "--theories", "gaussian"]
    assert main([*compare, "--out", "each", "--condition", "class"]) == 0
    assert main([*compare, "--out", "three", "--condition", "3", "--guidance", "0"]) == 0
    assert "condition 3" in capsys.readouterr().err


def test_the_labels_of_the_data_reach_the_network():
    from idealscore.compare.comparison import Comparison, compare
    from idealscore.learned.data import load

    training, held_out = load("digits").subset(80).split(0.5, seed=0)
    seen = []

    def network(x, sigma, condition=None):
        seen.append(torch.as_tensor(condition))
        return x

    config = Comparison(levels=2, n_images=20, n_noise=1, theories=("gaussian",), condition="class")
    compare(network, training, held_out, config, show=False)
    assert held_out.labels is not None
    assert any(told.shape == (20,) and torch.equal(told, torch.as_tensor(held_out.labels)[:20]) for told in seen)


def test_the_old_way_in_takes_the_new_options(pipe, expected):
    torch.testing.assert_close(checkpoint.load(pipe)(points(), 1.0), expected)
    torch.testing.assert_close(diffusers_pipeline(pipe / "unet", ema=False)(points(), 1.0), expected)
