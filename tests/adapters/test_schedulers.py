"""diffusers: schedulers that define a denoiser, against their own arithmetic of one step; the others are refused."""

import math
import warnings
from typing import Any

import pytest
import torch

from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.learned import wrap

CLOSE: dict[str, Any] = dict(rtol=1e-5, atol=1e-5)
KIND = dict(sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8, 8))
BLOCKS = dict(norm_num_groups=4, down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)


@pytest.fixture(scope="module")
def library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("diffusers", reason="diffusers is not installed")


def seeded(make) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = make().eval().requires_grad_(False)
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        return net


@pytest.fixture(scope="module")
def unet(library):
    return seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS))


def made(library, name, **options) -> Any:
    """A scheduler; what it warns of when it is made is its own affair."""
    kind = getattr(library, name)
    if "dummy" in kind.__module__:
        pytest.skip(f"{name} needs a package that is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(**options)


def points(n=3, seed=0, shape=(1, 8, 8)):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def rows(values):
    return values.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("DDPMScheduler", {}),
        ("DDIMScheduler", {"prediction_type": "v_prediction", "beta_schedule": "scaled_linear"}),
        ("DDIMScheduler", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}),
        ("EulerDiscreteScheduler", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}),
        ("PNDMScheduler", {"beta_schedule": "squaredcos_cap_v2"}),
        ("EulerAncestralDiscreteScheduler", {}),
        ("HeunDiscreteScheduler", {"use_karras_sigmas": True}),
        ("DPMSolverMultistepScheduler", {"prediction_type": "sample"}),
        ("UniPCMultistepScheduler", {}),
        ("LMSDiscreteScheduler", {}),
        ("KDPM2DiscreteScheduler", {}),
        ("DEISMultistepScheduler", {}),
        ("DPMSolverSinglestepScheduler", {}),
        ("SASolverScheduler", {}),
        ("TCDScheduler", {}),
        ("DDIMInverseScheduler", {}),
    ],
)
def test_a_schedule_of_betas_on_its_steps_and_between(library, unet, name, options):
    scheduler = made(library, name, **options)
    ours, x = wrap.diffusers(unet, scheduler), points()
    log = scheduler.alphas_cumprod.double().log()
    for steps in (torch.tensor([3, 400, 900]), torch.tensor([3.5, 400.25, 900.75])):
        low, high, part = steps.floor().long(), steps.ceil().long(), steps.double().frac()
        abar = ((1 - part) * log[low] + part * log[high]).exp()
        a, b = rows(abar.sqrt().float()), rows((1 - abar).sqrt().float())
        z = a * x
        out = unet(z, steps).sample
        kind = options.get("prediction_type", "epsilon")
        expected = {"epsilon": (z - b * out) / a, "sample": out, "v_prediction": a * z - b * out}[kind]
        unit = 1 + b / a
        torch.testing.assert_close(ours(x, (b / a).flatten()) / unit, expected / unit, rtol=1e-5, atol=3e-5)
    assert ours.grid is not None and len(ours.grid) == 1000 - ("rescale_betas_zero_snr" in options)
    assert math.isfinite(ours.grid[-1])


def test_flow_matching_and_flow_sigmas(library, unet):
    flows = [library.FlowMatchEulerDiscreteScheduler(shift=3.0), library.FlowMatchHeunDiscreteScheduler()]
    flows.append(library.DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True))
    x, t = points(), torch.tensor([0.1, 0.5, 0.9])
    z = (1 - rows(t)) * x
    expected = z - rows(t) * unet(z, 1000 * t).sample
    for scheduler in flows:
        torch.testing.assert_close(wrap.diffusers(unet, scheduler)(x, t / (1 - t)), expected, **CLOSE)


@pytest.mark.parametrize(
    "name", ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "CosineDPMSolverMultistepScheduler"]
)
def test_edm_by_its_own_preconditioning(library, unet, name):
    x, sigma = points(), torch.tensor([0.4, 1.7, 60.0])
    for kind in ("epsilon", "v_prediction"):
        scheduler = made(library, name, prediction_type=kind)
        expected = []
        for row, level in zip(x, sigma, strict=True):
            inner = scheduler.precondition_inputs(row[None], level)
            out = unet(inner, scheduler.precondition_noise(level)).sample
            expected.append(scheduler.precondition_outputs(row[None], out, level)[0])
        ours = wrap.diffusers(unet, scheduler)
        torch.testing.assert_close(ours(x, sigma), torch.stack(expected), **CLOSE)
        assert ours.noise_range == (scheduler.config.sigma_min, scheduler.config.sigma_max)
        with pytest.raises(NoiseLevelError, match="beyond the schedule"):
            ours(x, 1e4)


def test_the_continuous_time_of_euler(library, unet):
    options = dict(prediction_type="v_prediction", timestep_type="continuous")
    scheduler = made(library, "EulerDiscreteScheduler", **options)
    x, sigma = points(), torch.tensor([0.4, 1.7, 20.0])
    a = rows(1 / (1 + sigma**2).sqrt())
    expected = a**2 * x - rows(sigma) * a * unet(a * x, sigma.log() / 4).sample
    torch.testing.assert_close(wrap.diffusers(unet, scheduler)(x, sigma), expected, **CLOSE)


def test_ipndm_predicts_v(library, unet):
    """Its own step: the combination that it extrapolates is the noise, and x0 follows from it."""
    scheduler = library.IPNDMScheduler()
    scheduler.set_timesteps(7)
    ours, x = wrap.diffusers(unet, scheduler), points(1)
    for k in (1, 3, 5):
        t, alpha, beta = scheduler.timesteps[k], scheduler.alphas[k], scheduler.betas[k]
        z = alpha * x
        scheduler.ets = []
        scheduler._step_index = k
        after = scheduler.step(unet(z, t).sample, t, z).prev_sample
        denoised = ours(x, float(beta / alpha))
        noise = (z - alpha * denoised) / beta
        alpha, beta = scheduler.alphas[k + 1], scheduler.betas[k + 1]
        torch.testing.assert_close(alpha * denoised + beta * noise, after, **CLOSE)


def test_score_sde_ve(library):
    """Its predictor: x + (s^2 - s'^2) score, the mean step; its data are in [0, 1]."""
    fourier = dict(time_embedding_type="fourier")
    net, scheduler = seeded(lambda: library.UNet2DModel(**KIND, **BLOCKS, **fourier)), library.ScoreSdeVeScheduler()
    scheduler.set_timesteps(100)
    scheduler.set_sigmas(100)
    ours, x = wrap.diffusers(net, scheduler), points(1)
    assert ours.data_range == (0.0, 1.0) and ours.noise_range == (0.02, 2 * 1348.0)
    k, y = 40, (x + 1) / 2
    t = scheduler.timesteps[k]
    level = scheduler.discrete_sigmas[(t * (len(scheduler.timesteps) - 1)).long()]
    score = net(y, level[None]).sample
    mean = scheduler.step_pred(score, t, y, generator=torch.Generator().manual_seed(0)).prev_sample_mean
    before = scheduler.get_adjacent_sigma((t * (len(scheduler.timesteps) - 1)).long()[None], t[None])
    denoised = (ours(x, 2 * float(level)) + 1) / 2
    ours_score = (denoised - y) / level**2
    torch.testing.assert_close(y + (level**2 - before**2) * ours_score, mean, rtol=1e-4, atol=1e-4)


def test_consistency_models_answer_with_the_end_of_the_path(library, unet):
    scheduler = library.CMStochasticIterativeScheduler(clip_denoised=False)
    scheduler.set_timesteps(5)
    with pytest.warns(UserWarning, match="end of its probability-flow path"):
        ours = wrap.diffusers(unet, scheduler)
    x = points(1)
    for k in range(4):
        level = float(scheduler.sigmas[k])
        scheduler._step_index = None
        t = scheduler.timesteps[k]
        out = unet(scheduler.scale_model_input(level * x, t), t).sample
        sigma, data, least = level, 0.5, scheduler.config.sigma_min
        skip = data**2 / ((sigma - least) ** 2 + data**2)
        gain = (sigma - least) * data / (sigma**2 + data**2) ** 0.5
        torch.testing.assert_close(ours(level * x, level), skip * level * x + gain * out, rtol=1e-5, atol=1e-4)
    last = scheduler.config.sigma_min
    torch.testing.assert_close(ours(x, last), x, **CLOSE)


def test_diffusion_transformers(library):
    config = dict(num_attention_heads=2, attention_head_dim=8, in_channels=2, out_channels=4, num_layers=1)
    config |= dict(sample_size=8, patch_size=2, num_embeds_ada_norm=5)
    net, scheduler = seeded(lambda: library.DiTTransformer2DModel(**config)), library.DDIMScheduler()
    ours, x = wrap.diffusers(net, scheduler), points(2, shape=(2, 8, 8))
    a = float(scheduler.alphas_cumprod[400]) ** 0.5
    sigma, t = (1 / a**2 - 1) ** 0.5, torch.full((2,), 400)
    out = net(a * x, t, torch.tensor([3, 0])).sample[:, :2]
    torch.testing.assert_close(ours(x, sigma, condition=[3, 0]), x - sigma * out, rtol=1e-4, atol=1e-4)
    assert ours.shape == (2, 8, 8) and ours.null_condition == 5
    with pytest.raises(ArgumentError, match="--condition class"):
        ours(x, sigma)
    with pytest.raises(ArgumentError, match="classes from 0 to 4"):
        ours(x, sigma, condition=7)


def test_one_text_for_the_whole_batch(library):
    blocks = dict(
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")
    )
    config = dict(**KIND, norm_num_groups=4, cross_attention_dim=6, attention_head_dim=4, **blocks)
    net = seeded(lambda: library.UNet2DConditionModel(**config))
    ours, x, text = wrap.diffusers(net, library.DDPMScheduler()), points(3), points(1, shape=(5, 6))
    together = ours(x, 1.0, condition=text)
    torch.testing.assert_close(together, ours(x, 1.0, condition=text.expand(3, 5, 6)))
    torch.testing.assert_close(together, ours(x, 1.0, condition=text[0]))
    for wrong in (points(2, shape=(5, 6)), points(1, shape=(5, 7))):
        with pytest.raises(ArgumentError, match="text embeddings"):
            ours(x, 1.0, condition=wrong)


@pytest.mark.slow
def test_compiled_and_parallel_networks_are_unwrapped(library, unet):
    compiled: Any = torch.compile(unet, backend="eager")
    for one in (torch.nn.DataParallel(unet), compiled):
        assert wrap.diffusers(one, library.DDPMScheduler()).inner is unet


@pytest.mark.parametrize("name", ["VQDiffusionScheduler", "DDPMWuerstchenScheduler", "KarrasVeScheduler"])
def test_schedulers_without_a_denoiser_are_refused(library, unet, name):
    kind = getattr(library, name, None)
    if kind is None:
        pytest.skip(f"this diffusers has no {name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = kind(num_vec_classes=4) if name.startswith("VQ") else kind()
    with pytest.raises(ArgumentError, match="scheduler"):
        wrap.diffusers(unet, scheduler)
