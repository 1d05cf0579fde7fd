"""Networks of other libraries: what the adapters answer is the library's own one-step x0, on its steps and between."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.learned import wrap
from idealscore.theory.noise import DiscreteSchedule

CLOSE: dict[str, Any] = dict(rtol=1e-5, atol=1e-5)


def library(name) -> Any:
    """A package, or a skip with the reason; what it warns of when it is imported is its own affair."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)


def seeded(make) -> Any:
    """A module with weights of seed 0, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval().requires_grad_(False)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Backbone(torch.nn.Module):
    """A small smooth network of (z, time, label) for points of eight numbers."""

    def __init__(self, size=8, out=8):
        super().__init__()
        self.first, self.last = torch.nn.Linear(size + 2, 16), torch.nn.Linear(16, out)

    def forward(self, z, t, label=None, **_):
        labels = torch.zeros(len(z)) if label is None else label.to(z.dtype)
        time = t.to(z.dtype).expand(len(z))
        return self.last(torch.tanh(self.first(torch.cat([z, time[:, None], labels[:, None]], 1))))


@pytest.fixture(scope="module")
def backbone():
    return seeded(Backbone)


# ------------------------------------------------------------------------------------------------ azula


@pytest.mark.parametrize("denoiser", ["SimpleDenoiser", "KarrasDenoiser"])
@pytest.mark.parametrize(
    "schedule", ["VESchedule", "VPSchedule", "CosineSchedule", "RectifiedSchedule", "DecaySchedule"]
)
def test_azula(backbone, denoiser, schedule):
    denoise, noise = library("azula.denoise"), library("azula.noise")
    theirs = getattr(denoise, denoiser)(backbone, getattr(noise, schedule)())
    ours = wrap.azula(theirs, shape=(8,))
    t = torch.tensor([0.05, 0.2, 0.5, 0.777, 0.95], dtype=torch.float64)
    alpha, sigma = theirs.schedule(t)
    x = normal(5, 8) * (1 + (sigma / alpha).float()[:, None]).clamp(max=50)
    for options in ({}, {"label": torch.tensor([1, 2, 3, 4, 5])}):
        expected = theirs((alpha[:, None] * x).float(), t, **options).mean.float()
        found = ours(x, (sigma / alpha).float(), condition=options.get("label"))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)
    assert ours.noise_range is not None
    low, high = ours.noise_range
    assert low == pytest.approx(1e-3, rel=1e-6) and high == pytest.approx(1e3, rel=1e-3)
    with pytest.raises(NoiseLevelError, match="beyond the schedule"):
        ours(x, high * 1.1)


def test_the_clock_of_azula_has_derivatives(backbone):
    made = library("azula.denoise").KarrasDenoiser
    ours = wrap.azula(made(backbone.double(), library("azula.noise").CosineSchedule()))
    try:
        x, sigma, step = normal(1, 8).double(), torch.tensor([0.7], dtype=torch.float64), 1e-4
        level = sigma.clone().requires_grad_()
        slope = torch.autograd.grad(ours(x, level).sum(), level)[0]
        difference = (ours(x, sigma + step).sum() - ours(x, sigma - step).sum()) / (2 * step)
        torch.testing.assert_close(slope[0], difference, rtol=1e-6, atol=1e-8)
    finally:
        backbone.float()


def test_the_gaussian_of_azula_is_our_gaussian():
    from idealscore.theory import GaussianDenoiser

    made, diagonal = library("azula.denoise").GaussianDenoiser, library("azula.linalg.covariance").DiagonalCovariance
    mean, variance = normal(8).double(), normal(8, seed=1).double().abs() + 0.1
    theirs = wrap.azula(made(mean, diagonal(variance), library("azula.noise").VPSchedule()))
    x, sigma = normal(3, 8).double(), torch.tensor([0.1, 1.0, 7.3], dtype=torch.float64)
    torch.testing.assert_close(
        theirs(x, sigma), GaussianDenoiser(mean, torch.diag(variance))(x, sigma), rtol=1e-8, atol=1e-8
    )


# ------------------------------------------------------------------------------------------------ smalldiffusion


@pytest.mark.parametrize("kind", ["", "Scaled", "PredX0", "PredV", "PredFlow"])
def test_smalldiffusion(kind):
    """x - sigma predict_eps, the step to noise level 0 of the library's own sampler; of a flow, z - t v."""
    small = library("smalldiffusion")
    plain = small.TimeInputMLP
    model = seeded(lambda: (getattr(small, kind, None) or getattr(small.model, kind))(plain)(8) if kind else plain(8))
    schedule = small.ScheduleFlow(50, 0.01, 0.99) if kind == "PredFlow" else small.ScheduleLogLinear(50)
    ours = wrap.smalldiffusion(model, schedule)
    on = schedule.sigmas[[3, 20, 45]]
    between = (schedule.sigmas[[3, 20, 45]] * schedule.sigmas[[4, 21, 46]]).sqrt()
    x = normal(3, 8)
    for level in (on, between):
        theirs, z, sigma = [], x, level
        if kind == "PredFlow":
            z, sigma = (1 - level)[:, None] * x, level / (1 - level)
        for row, one in zip(z, level, strict=True):
            theirs.append(row - one * model.predict_eps(row[None], one)[0])
        torch.testing.assert_close(ours(x, sigma), torch.stack(theirs), **CLOSE)
    assert ours.shape == (8,)
    assert ours.noise_range is not None and ours.noise_range[0] == pytest.approx(
        0.01 / 0.99 if kind == "PredFlow" else 0.02, rel=1e-5
    )


def test_classes_of_smalldiffusion():
    small = library("smalldiffusion")
    model = seeded(lambda: small.ConditionalMLP(8, num_classes=10))
    ours, x, sigma = wrap.smalldiffusion(model), normal(4, 8), torch.tensor(0.5)
    for condition, told in ((3, 3), (None, 10)):
        labels = torch.full((4,), told)
        expected = x - sigma * model.predict_eps_cfg(x, sigma, labels, 0)
        torch.testing.assert_close(ours(x, 0.5, condition=condition), expected, **CLOSE)
    with pytest.raises(ArgumentError, match="one class, or one for each"):
        ours(x, 0.5, condition=[1, 2])


# ------------------------------------------------------------------------------------------------ lucidrains


def unet(lucidrains, **options):
    return lucidrains.Unet(dim=8, dim_mults=(1, 2), channels=1, flash_attn=False, attn_heads=1, **options)


def levels(diffusion, between):
    """Three fractional steps, and (alpha, sigma) there, linear in log alpha_bar between steps."""
    steps = torch.tensor([3.0, 40.0, 90.0]) + (0.37 if between else 0.0)
    log = diffusion.alphas_cumprod.double().log().numpy()
    abar = torch.from_numpy(np.exp(np.interp(steps.double().numpy(), np.arange(len(log)), log)))
    return steps, abar.sqrt(), (1 - abar).sqrt()


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("objective", ["pred_noise", "pred_x0", "pred_v"])
def test_lucidrains(objective, schedule):
    lucid = library("denoising_diffusion_pytorch")
    made = dict(image_size=8, timesteps=100, objective=objective, beta_schedule=schedule)
    theirs = seeded(lambda: lucid.GaussianDiffusion(unet(lucid), **made))
    ours, x = wrap.lucidrains(theirs), normal(3, 1, 8, 8)
    for between in (False, True):
        steps, alpha, sigma = (v.float() for v in levels(theirs, between))
        a, b = alpha.reshape(3, 1, 1, 1), sigma.reshape(3, 1, 1, 1)
        z = a * x
        if between:
            raw = theirs.model(z, steps, None)
            expected = {"pred_noise": (z - b * raw) / a, "pred_x0": raw, "pred_v": a * z - b * raw}[objective]
        else:
            expected = theirs.model_predictions(z, steps.long()).pred_x_start
        unit = 1 + b / a  # rounding of the noise that is taken away grows with its level
        torch.testing.assert_close(ours(x, sigma / alpha) / unit, expected / unit, **CLOSE)
    assert ours.shape == (1, 8, 8)
    assert ours.grid is not None and len(ours.grid) == 100


def test_learned_variance_of_lucidrains():
    lucid = library("denoising_diffusion_pytorch")
    made = dict(image_size=8, timesteps=100, beta_schedule="linear")
    net = seeded(lambda: lucid.LearnedGaussianDiffusion(unet(lucid, learned_variance=True), **made))
    assert net.objective == "pred_v"  # by default, and unused: its loss and its sampler take the noise
    x = normal(3, 1, 8, 8)
    steps, alpha, sigma = levels(net, False)
    z = alpha.float().reshape(3, 1, 1, 1) * x
    expected = net.p_mean_variance(x=z, t=steps.long(), clip_denoised=False)[3]
    torch.testing.assert_close(wrap.lucidrains(net)(x, (sigma / alpha).float()), expected, **CLOSE)


def test_weighted_objective_of_lucidrains():
    lucid = library("denoising_diffusion_pytorch")
    made = dict(image_size=8, timesteps=100, objective="pred_noise", beta_schedule="linear")
    net = seeded(lambda: lucid.WeightedObjectiveGaussianDiffusion(unet(lucid, out_dim=4), **made))
    x = normal(3, 1, 8, 8)
    steps, alpha, sigma = levels(net, False)
    z = alpha.float().reshape(3, 1, 1, 1) * x
    mean = net.p_mean_variance(x=z, t=steps.long(), clip_denoised=False)[0]
    denoised = wrap.lucidrains(net)(x, (sigma / alpha).float())
    torch.testing.assert_close(net.q_posterior(denoised, z, steps.long())[0], mean, **CLOSE)


def test_self_conditioning_of_lucidrains():
    lucid = library("denoising_diffusion_pytorch")
    made = dict(image_size=8, timesteps=100, objective="pred_v")
    net = seeded(lambda: lucid.GaussianDiffusion(unet(lucid, self_condition=True), **made))
    x = normal(3, 1, 8, 8)
    steps, alpha, sigma = levels(net, False)
    z, level = alpha.float().reshape(3, 1, 1, 1) * x, (sigma / alpha).float()
    first = net.model_predictions(z, steps.long()).pred_x_start
    second = net.model_predictions(z, steps.long(), first).pred_x_start
    torch.testing.assert_close(wrap.lucidrains(net)(x, level), first, **CLOSE)
    torch.testing.assert_close(wrap.lucidrains(net, feedback=1)(x, level), second, **CLOSE)
    assert (first - second).abs().max() > 1e-3
    plain = seeded(lambda: lucid.GaussianDiffusion(unet(lucid), **made))
    with pytest.raises(ArgumentError, match="self-conditioning"):
        wrap.lucidrains(plain, feedback=1)


def test_elucidated_and_continuous_time_of_lucidrains():
    lucid = library("denoising_diffusion_pytorch")
    x, sigma = normal(3, 1, 8, 8), torch.tensor([0.0223, 0.7, 5.0])
    sinusoidal = dict(random_fourier_features=True)
    net = seeded(lambda: lucid.ElucidatedDiffusion(unet(lucid, **sinusoidal), image_size=8, channels=1))
    ours = wrap.lucidrains(net)
    torch.testing.assert_close(ours(x, sigma), net.preconditioned_network_forward(x, sigma), **CLOSE)
    assert ours.noise_range == (0.002, 80.0)
    alpha = (1 / (1 + sigma**2).sqrt()).reshape(3, 1, 1, 1)
    z, b, snr = alpha * x, (1 - alpha**2).sqrt(), -2 * sigma.log()
    for kind in (lucid.ContinuousTimeGaussianDiffusion, lucid.VParamContinuousTimeGaussianDiffusion):
        net = seeded(lambda kind=kind: kind(unet(lucid, **sinusoidal), image_size=8, channels=1))
        raw = net.model(z, snr)
        expected = alpha * z - b * raw if "VParam" in kind.__name__ else (z - b * raw) / alpha
        torch.testing.assert_close(wrap.lucidrains(net)(x, sigma), expected, **CLOSE)


def test_classes_of_lucidrains():
    cfg = library("denoising_diffusion_pytorch.classifier_free_guidance")
    made = dict(image_size=8, timesteps=100, objective="pred_v", beta_schedule="cosine")
    net = seeded(lambda: cfg.GaussianDiffusion(cfg.Unet(dim=8, dim_mults=(1, 2), channels=1, num_classes=5), **made))
    x, labels = normal(3, 1, 8, 8), torch.tensor([4, 0, 2])
    steps, alpha, sigma = levels(net, False)
    z, level = alpha.float().reshape(3, 1, 1, 1) * x, (sigma / alpha).float()
    expected = net.predict_start_from_v(z, steps.long(), net.model(z, steps.long(), labels, cond_drop_prob=0.0))
    torch.testing.assert_close(wrap.lucidrains(net)(x, level, condition=labels), expected, **CLOSE)
    nothing = net.predict_start_from_v(z, steps.long(), net.model(z, steps.long(), labels, cond_drop_prob=1.0))
    torch.testing.assert_close(wrap.lucidrains(net)(x, level), nothing, **CLOSE)


# ------------------------------------------------------------------------------------------------ k-diffusion


@pytest.mark.parametrize("quantize", [False, True])
def test_k_diffusion(backbone, quantize):
    ext, layers = library("k_diffusion.external"), library("k_diffusion.layers")
    abar = torch.from_numpy(DiscreteSchedule.linear(100).alpha_bar[1:].copy()).float()
    x = normal(4, 8)
    discrete = [kind(backbone, abar, quantize) for kind in (ext.DiscreteEpsDDPMDenoiser, ext.DiscreteVDDPMDenoiser)]
    for theirs in (*discrete, layers.Denoiser(backbone, sigma_data=0.5), ext.VDenoiser(backbone)):
        ours = wrap.k_diffusion(theirs, shape=(8,), condition="label")
        grid = ours.grid
        chosen = [0.05, 0.3, 0.5, 1.1] if grid is None else [grid[5], grid[50], grid[80], (grid[30] * grid[31]) ** 0.5]
        sigma, labels = torch.tensor(chosen, dtype=torch.float32), torch.tensor([0, 1, 2, 3])
        torch.testing.assert_close(ours(x, sigma), theirs(x, sigma), **CLOSE)
        torch.testing.assert_close(ours(x, sigma, condition=labels), theirs(x, sigma, label=labels), **CLOSE)
    with pytest.raises(NoiseLevelError, match="beyond the schedule"):
        wrap.k_diffusion(discrete[0])(x, 100.0)


# ------------------------------------------------------------------------------------------------ torchcfm


@pytest.mark.parametrize("width", [0.0, 0.1])
@pytest.mark.parametrize(
    "name", ["ConditionalFlowMatcher", "TargetConditionalFlowMatcher", "VariancePreservingConditionalFlowMatcher"]
)
def test_torchcfm(name, width):
    """Gaussian data in one dimension: the regression that the library's loss has as its optimum, its own x_t and u_t.

    All are linear in (noise, data, path noise), so E[u | x_t] follows exactly from their coefficients.
    """
    cfm = library("torchcfm.conditional_flow_matching")
    matcher, mean, spread = getattr(cfm, name)(sigma=width), 0.4, 0.7

    def path(t):
        ends = torch.eye(3, dtype=torch.float64)[:, :, None]  # coefficients of noise, data and path noise
        t = torch.full((1,), t, dtype=torch.float64)
        rows = []
        for noise, data, own in ends:
            if "Target" in name:  # its noise is the path noise
                xt = matcher.sample_xt(noise[None], data[None], t, noise[None])
            else:
                xt = matcher.sample_xt(noise[None], data[None], t, own[None])
            rows.append((float(xt), float(matcher.compute_conditional_flow(noise[None], data[None], t, xt))))
        x, u = np.array(rows).T
        return x, u

    class Optimal(torch.nn.Module):
        def forward(self, t, z, y=None):
            out = []
            for time, one in zip(t.tolist(), z, strict=True):
                x, u = path(time)
                variance = np.array([1, spread**2, 0 if "Target" in name else 1])
                slope = (x * u * variance).sum() / (x * x * variance).sum()
                out.append(u[1] * mean + slope * (one - x[1] * mean))
            return torch.stack(out)

    ours = wrap.torchcfm(Optimal(), matcher)
    sigma = torch.tensor([0.12, 0.5, 1.0, 3.7, 40.0], dtype=torch.float64)
    x = normal(5, 1).double() * (1 + sigma[:, None])
    expected = mean + spread**2 / (spread**2 + sigma[:, None] ** 2) * (x - mean)
    torch.testing.assert_close(ours(x, sigma), expected, rtol=1e-5, atol=1e-5)
    assert ours.noise_range == (width, math.inf)
    reversed_time = wrap.function(lambda z, t: Optimal()(t, z), "flow", "flow_time", reverse=True)
    if name == "ConditionalFlowMatcher" and not width:
        torch.testing.assert_close(reversed_time(x, sigma), expected, rtol=1e-5, atol=1e-5)


def test_models_and_matchers_of_torchcfm():
    cfm = library("torchcfm.conditional_flow_matching")
    mlps, unets = library("torchcfm.models.models"), library("torchcfm.models.unet.unet")
    x = normal(2, 2)
    mlp = seeded(lambda: mlps.MLP(2, time_varying=True))
    t = torch.full((2, 1), 0.4)
    z = 0.4 * x
    sigma = 0.6 / 0.4
    torch.testing.assert_close(wrap.torchcfm(mlp)(x, sigma), z + 0.6 * mlp(torch.cat([z, t], 1)), **CLOSE)
    made = dict(dim=(1, 8, 8), num_channels=32, num_res_blocks=1, channel_mult=(1, 2), num_classes=4, class_cond=True)
    net, x = seeded(lambda: unets.UNetModelWrapper(**made)), normal(2, 1, 8, 8)
    labels, z = torch.tensor([3, 1]), 0.4 * x
    expected = z + 0.6 * net(torch.full((2,), 0.4), z, labels)
    torch.testing.assert_close(wrap.torchcfm(net)(x, sigma, condition=labels), expected, **CLOSE)
    with pytest.raises(ArgumentError, match="couples noise and data"):
        wrap.torchcfm(net, cfm.ExactOptimalTransportConditionalFlowMatcher())


# ------------------------------------------------------------------------------------------------ deepinv


def test_deepinv():
    models = library("deepinv").models
    x, sigma = normal(2, 1, 16, 16), torch.tensor([0.2, 0.9])
    drunet = seeded(lambda: models.DRUNet(1, 1, nc=(4, 8, 8, 8), nb=1, pretrained=None))
    ours = wrap.deepinv(drunet)
    expected = 2 * drunet((x + 1) / 2, sigma / 2) - 1
    torch.testing.assert_close(ours(x, sigma), expected, **CLOSE)
    assert "range=(0, 1)" in repr(ours)
    edm = seeded(lambda: models.EDMPrecond(Backbone(), pixel_std=0.5))
    x = normal(2, 8)
    expected = 2 * edm((x + 1) / 2, sigma / 2) - 1
    torch.testing.assert_close(wrap.deepinv(edm)(x, sigma), expected, **CLOSE)


# ------------------------------------------------------------------------------------------------ all


def test_wrappings_of_torch_are_taken_off(backbone):
    plain = library("azula.denoise").KarrasDenoiser(backbone, library("azula.noise").VPSchedule())
    x = normal(2, 8)
    compiled: Any = torch.compile(plain, backend="eager")
    for wrapped in (torch.nn.DataParallel(plain), compiled):
        found = wrap.azula(wrapped)
        assert found.inner is plain
        torch.testing.assert_close(found(x, 1.0), wrap.azula(plain)(x, 1.0))


@pytest.mark.parametrize("name", ["azula", "smalldiffusion", "lucidrains", "k_diffusion", "deepinv", "torchcfm"])
def test_what_is_not_of_the_library_is_refused(name):
    with pytest.raises(ArgumentError, match="expected one of"):
        getattr(wrap, name)(lambda x, sigma: x)
    if name not in ("deepinv", "torchcfm"):
        with pytest.raises(ArgumentError, match=r"expected one of .* got Identity"):
            getattr(wrap, name)(torch.nn.Identity())


def test_an_object_of_another_adapter_names_it(backbone):
    theirs = library("azula.denoise").KarrasDenoiser(backbone, library("azula.noise").VPSchedule())
    with pytest.raises(ArgumentError, match=r"use wrap\.azula"):
        wrap.k_diffusion(theirs)
