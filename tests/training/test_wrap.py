"""Foreign networks as denoisers: every prediction on every clock, and the samplers of diffusers step for step."""

import numpy as np
import pytest
import torch

from idealscore.errors import (
    ArgumentError,
    CheckpointError,
    DenoiserContractError,
    MissingDependencyError,
    NoiseLevelError,
    ShapeError,
    UnknownNameError,
)
from idealscore.learned import checkpoint, wrap
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.wrap.clocks import time_of
from idealscore.theory.noise import DiscreteSchedule, NoiseLevel

SCHEDULE = DiscreteSchedule.linear(1000)
MEAN, SPREAD = 0.4, 0.7


def ideal(x, sigma):
    """Posterior mean of N(MEAN, SPREAD^2)."""
    return MEAN + SPREAD**2 / (SPREAD**2 + sigma**2) * (x - MEAN)


def native(predicts, clock):
    """The ideal network of a clock: takes its z and its time, gives its prediction, all in closed form."""

    def f(z, time):
        time = time.double().numpy()
        if clock in ("step", "index"):
            level = NoiseLevel.from_step(time + (clock == "index"), SCHEDULE)
        elif clock == "sigma":
            level = NoiseLevel(time)
        elif clock == "vp_time":
            level = NoiseLevel(np.sqrt(np.expm1(0.1 * time + 19.9 * time**2 / 2)))
        else:
            level = getattr(NoiseLevel, f"from_{clock}")(time)
        sigma = torch.tensor(level.sigma).reshape(-1, 1)
        if clock == "sigma":
            a, b = torch.ones_like(sigma), sigma
        elif clock == "flow_time":
            b = torch.tensor(level.flow_time).reshape(-1, 1)
            a = 1 - b
        else:
            a = torch.tensor(level.alpha_bar).reshape(-1, 1).sqrt()
            b = (1 - a**2).sqrt()
        x0 = ideal(z / a, sigma)
        noise = (z - a * x0) / b
        variance = a**2 * SPREAD**2 + b**2
        return {
            "x0": x0,
            "noise": noise,
            "v": (noise - sigma * x0) / (1 + sigma**2).sqrt(),
            "flow": noise - x0,
            "score": -(z - a * MEAN) / variance,
        }[predicts]

    return f


@pytest.mark.parametrize("clock", wrap.CLOCKS)
@pytest.mark.parametrize("predicts", wrap.PREDICTIONS)
def test_every_prediction_on_every_clock(predicts, clock):
    sigma = torch.tensor([0.02, 0.3, 1.0, 5.0, 100.0], dtype=torch.float64)
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * (1 + sigma[:, None])
    denoiser = wrap.function(native(predicts, clock), predicts, clock, schedule=SCHEDULE)
    torch.testing.assert_close(denoiser(x, sigma), ideal(x, sigma[:, None]), rtol=1e-8, atol=1e-8)
    for other in wrap.PREDICTIONS:
        if other != predicts:
            wrong = wrap.function(native(predicts, clock), other, clock, schedule=SCHEDULE)(x, sigma)
            assert (wrong - ideal(x, sigma[:, None])).abs().max() > 0.01


def test_schedule_ends_are_included_and_beyond_is_refused():
    for clock, low in (("step", 0.0), ("index", SCHEDULE.sigmas[1])):
        times: list = []
        denoiser = wrap.function(lambda z, t, seen=times: seen.append(t) or z, clock=clock, schedule=SCHEDULE)
        for sigma in (low, SCHEDULE.sigmas[-1]):
            denoiser(torch.zeros(1, 2), float(np.float32(sigma)))
        expected = [0.0, 1000.0] if clock == "step" else [0.0, 999.0]
        assert [float(t) for t in times] == pytest.approx(expected, abs=1e-3)
        with pytest.raises(NoiseLevelError, match="beyond the schedule"):
            denoiser(torch.zeros(1, 2), 200.0)
    with pytest.raises(NoiseLevelError, match="beyond the schedule"):
        denoiser(torch.zeros(1, 2), 0.001)


def test_condition_and_precision_are_passed_on():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([0.5, 2.0]))

        def forward(self, z, time, condition=None):
            assert z.dtype == time.dtype == torch.float32
            return self.weight * z + (0 if condition is None else condition)

    denoiser = wrap.function(Net(), shape=(2,))
    x = torch.ones(3, 2, dtype=torch.float64)
    out = denoiser(x, 1.0)
    assert out.dtype == torch.float64
    torch.testing.assert_close(denoiser(x, 1.0, condition=2.0), out + 2)
    assert len(list(denoiser.parameters())) == 1


def test_edm_modules():
    class Preconditioned(torch.nn.Module):
        img_channels, img_resolution, label_dim = 2, 4, 3

        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, x, sigma, class_labels=None):
            assert sigma.shape == (len(x),)
            labels = 0 if class_labels is None else class_labels @ torch.tensor([1.0, 2.0, 3.0])
            return self.gain * x / (1 + sigma.reshape(-1, 1, 1, 1)) + torch.as_tensor(labels).reshape(-1, 1, 1, 1)

    module = Preconditioned()
    denoiser = wrap.edm(module)
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert denoiser.shape == (2, 4, 4)
    torch.testing.assert_close(denoiser(x, 2.0), x / 6)
    torch.testing.assert_close(
        denoiser(x, 2.0, condition=torch.tensor([0, 1, 2])), x / 6 + torch.arange(1, 4).reshape(3, 1, 1, 1)
    )
    torch.testing.assert_close(denoiser(x, 2.0, condition=1), x / 6 + 2)
    own = MLPDenoiser((2, 4, 4), width=8, depth=1)
    torch.testing.assert_close(wrap.function(own)(x, 2.0), own(x, 2.0))
    with pytest.raises(ArgumentError):
        wrap.edm(lambda x, sigma: x)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: wrap.function(lambda z, t: z, predicts="epsilon"), UnknownNameError),
        (lambda: wrap.function(lambda z, t: z, clock="t"), UnknownNameError),
        (lambda: wrap.function(lambda z, t: z, clock="step"), ArgumentError),
        (lambda: wrap.function(3), ArgumentError),  # pyright: ignore[reportArgumentType]
        (lambda: wrap.function(lambda z, t: z[:1])(torch.zeros(2, 2), 1.0), DenoiserContractError),
        (lambda: wrap.function(lambda z, t: None)(torch.zeros(2, 2), 1.0), DenoiserContractError),  # pyright: ignore[reportArgumentType]
        (lambda: wrap.function(lambda z, t: z, shape=(3,))(torch.zeros(2, 2), 1.0), ShapeError),
        (lambda: wrap.function(lambda z, t: z)(torch.zeros(2, 2), -1.0), NoiseLevelError),
        (lambda: wrap.function(lambda z, t: z)(torch.zeros(2, 2), torch.inf), NoiseLevelError),
        (lambda: time_of(torch.ones(1), "index"), ArgumentError),
    ],
)
def test_bad_input_is_refused(make, error):
    with pytest.raises(error):
        make()


# ------------------------------------------------------------------------------------------------ diffusers


@pytest.fixture(scope="module")
def library():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def unet(library):
    state = torch.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = library.UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            num_class_embeds=None,
        ).eval()
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    torch.set_rng_state(state)
    return net.requires_grad_(False)


def noise(seed=0, batch=2):
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("betas", ["linear", "squaredcos_cap_v2"])
def test_ddim_step_for_step(library, unet, kind, betas):
    """z' = sqrt(abar') D + sqrt(1 - abar') (z - sqrt(abar) D) / sqrt(1 - abar) along the library's own steps."""
    scheduler = library.DDIMScheduler(prediction_type=kind, clip_sample=False, beta_schedule=betas)
    scheduler.set_timesteps(7)
    denoiser = wrap.diffusers(unet, scheduler)
    assert denoiser.shape == (1, 8, 8)
    z = noise()
    abar = scheduler.alphas_cumprod.double()
    for t, after in zip(scheduler.timesteps, [*scheduler.timesteps[1:], None], strict=True):
        theirs = scheduler.step(unet(z, t).sample, t, z, eta=0.0)
        a, a_next = abar[t], scheduler.final_alpha_cumprod.double() if after is None else abar[after]
        denoised = denoiser(z.double() / a.sqrt(), float(((1 - a) / a).sqrt()))
        ours = a_next.sqrt() * denoised + ((1 - a_next) / (1 - a)).sqrt() * (z.double() - a.sqrt() * denoised)
        torch.testing.assert_close(denoised.float(), theirs.pred_original_sample, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(ours.float(), theirs.prev_sample, rtol=1e-3, atol=1e-3)
        z = theirs.prev_sample


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_edm_sampler_step_for_step(library, unet, kind):
    """Our Euler sampler on the wrapped network walks the library's EDM Euler path."""
    from idealscore.simulate.diffusion import sample

    scheduler = library.EDMEulerScheduler(prediction_type=kind)
    scheduler.set_timesteps(6)
    denoiser = wrap.diffusers(unet, scheduler)
    z = noise() * scheduler.init_noise_sigma
    sigmas = scheduler.sigmas.double().numpy()
    for k, t in enumerate(scheduler.timesteps):
        theirs = scheduler.step(unet(scheduler.scale_model_input(z, t), t).sample, t, z).prev_sample
        ours = sample(denoiser, z.double(), sigmas[k : k + 2], method="euler")
        torch.testing.assert_close(ours.float(), theirs, rtol=1e-3, atol=1e-3)
        z = theirs


def test_flow_matching_step_for_step(library, unet):
    """z' = z + (t' - t) u with u from the wrapped denoiser: u = (z / (1 - t) - D) / t."""
    scheduler = library.FlowMatchEulerDiscreteScheduler(shift=2.0)
    scheduler.set_timesteps(6, mu=None)
    denoiser = wrap.diffusers(unet, scheduler)
    z = noise()
    times = scheduler.sigmas.double()
    for k, t in enumerate(scheduler.timesteps):
        theirs = scheduler.step(unet(z, t).sample, t, z).prev_sample
        time, after = times[k], times[k + 1]
        if time < 1:
            x = z.double() / (1 - time)
            denoised = denoiser(x, float(time / (1 - time)))
            velocity = (z.double() - denoised) / time
            torch.testing.assert_close((z + (after - time) * velocity).float(), theirs, rtol=1e-3, atol=1e-3)
        z = theirs


def test_class_and_text_conditions(library):
    state = torch.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        options = dict(sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=4)
        labelled = library.UNet2DModel(
            **options,
            block_out_channels=(8, 16),
            num_class_embeds=3,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
        )
        text = library.UNet2DConditionModel(
            **options,
            block_out_channels=(8, 16),
            cross_attention_dim=6,
            attention_head_dim=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )
    torch.set_rng_state(state)
    scheduler = library.DDPMScheduler()
    x, t, sigma = noise(), 400, float(SCHEDULE.sigmas[401])
    z = x / (1 + sigma**2) ** 0.5
    with torch.no_grad():
        denoiser = wrap.diffusers(labelled, scheduler)
        expected = x - sigma * labelled(z, t, class_labels=torch.tensor([2, 2])).sample
        torch.testing.assert_close(denoiser(x, sigma, condition=2), expected, rtol=1e-3, atol=1e-3)
        states = torch.ones(2, 5, 6)
        expected = x - sigma * text(z, t, encoder_hidden_states=states).sample
        denoiser = wrap.diffusers(text, scheduler)
        torch.testing.assert_close(denoiser(x, sigma, condition=states), expected, rtol=1e-3, atol=1e-3)
        with pytest.raises(ArgumentError, match="encoder_hidden_states"):
            denoiser(x, sigma)


def test_saved_pipeline(library, unet, tmp_path):
    scheduler = library.DDPMScheduler()
    library.DDPMPipeline(unet, scheduler).save_pretrained(tmp_path / "pipe")
    x = noise()
    expected = wrap.diffusers(unet, scheduler)(x, 1.0)
    torch.testing.assert_close(wrap.diffusers_pipeline(tmp_path / "pipe")(x, 1.0), expected)
    torch.testing.assert_close(checkpoint.load(tmp_path / "pipe")(x, 1.0), expected)
    with pytest.raises(CheckpointError, match="neither a diffusers pipeline nor its network"):
        wrap.diffusers_pipeline(tmp_path)
    weights = tmp_path / "pipe" / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(CheckpointError, match="safetensors"):
        wrap.diffusers_pipeline(tmp_path / "pipe")


@pytest.mark.slow
def test_a_trained_diffusers_model_is_compared_by_the_command(library, unet, tmp_path, monkeypatch, capsys):
    """A small UNet2DModel, trained by a plain loop, saved, and held against the theories by `idealscore compare`."""
    import copy

    from idealscore.cli import main
    from idealscore.learned.data import load

    net, scheduler = copy.deepcopy(unet).requires_grad_(True).train(), library.DDPMScheduler()
    images = load("digits").split(0.2)[0].images
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        chosen = torch.randint(len(images), (64,), generator=generator)
        noise = torch.randn(64, 1, 8, 8, generator=generator)
        steps = torch.randint(1000, (64,), generator=generator)
        noisy = scheduler.add_noise(images[chosen], noise, steps)
        torch.nn.functional.mse_loss(net(noisy, steps).sample, noise).backward()
        optimiser.step()
        optimiser.zero_grad()
    library.DDPMPipeline(net, scheduler).save_pretrained(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    command = ["compare", "digits", "--model", "pipe", "--levels", "4", "--sigma-min", "0.1", "--n-images", "40"]
    assert main([*command, "--theories", "gaussian", "empirical"]) == 0
    assert "gaussian" in capsys.readouterr().out.lower()


def test_what_is_not_supported_is_refused(library, unet):
    with pytest.raises(ArgumentError, match="prediction type 'raw'"):
        scheduler = library.DDPMScheduler()
        scheduler.register_to_config(prediction_type="raw")
        wrap.diffusers(unet, scheduler)
    with pytest.raises(ArgumentError, match="no betas"):
        wrap.diffusers(unet, object())
    with pytest.raises(ArgumentError, match="UNet2DModel"):
        wrap.diffusers(torch.nn.Identity(), library.DDPMScheduler())


def test_missing_package_says_how_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingDependencyError, match=r"idealscore\[hub\]"):
        wrap.diffusers(torch.nn.Identity(), None)
