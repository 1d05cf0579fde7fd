"""Training speed, side by side: replicas in one pass against one by one, our U-Net loop against a plain one.

`pytest benchmarks/test_training.py --benchmark-sort=name`; IDEALSCORE_DEVICE=cuda measures on the GPU.
"""

import os
import time
from dataclasses import replace

import pytest
import torch

from idealscore.learned.data import ImageData
from idealscore.learned.networks import MLPDenoiser, UNetDenoiser
from idealscore.learned.training import TrainConfig, estimate, train, train_ensemble

DEVICE = os.environ.get("IDEALSCORE_DEVICE", "cpu")
FAST = DEVICE != "cpu"
REPLICAS, STEPS = 32, 40
UNET_STEPS, BATCH = (50, 256) if FAST else (4, 16)
WIDTHS = (128, 256, 256) if FAST else (32, 64, 64)


def images(channels=3, size=32, n=512):
    generator = torch.Generator().manual_seed(0)
    return ImageData(torch.rand(n, channels, size, size, generator=generator) * 2 - 1)


def synchronised(work):
    def run():
        work()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    return run


def matrix_product_rate(size=4096 if FAST else 1024, repeats=50 if FAST else 20):
    """Floating-point operations per second of a square matrix product, in the precision of the training."""
    a = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16 if FAST else torch.float32)
    product = synchronised(lambda: [a @ a for _ in range(repeats)])
    product()
    begun = time.perf_counter()
    product()
    return 2 * size**3 * repeats / (time.perf_counter() - begun)


@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("how", ["one by one", "one pass"])
@pytest.mark.benchmark(group="32 MLP replicas")
def test_replicas(benchmark, width, how):
    data = images(1, 8)
    config = TrainConfig(steps=STEPS, batch=width, log_every=1000)
    networks = [MLPDenoiser(data.shape, width=width, depth=2, seed=i).to(DEVICE) for i in range(REPLICAS)]

    def one_by_one():
        for i, network in enumerate(networks):
            train(network, data, replace(config, seed=i))

    def one_pass():
        train_ensemble(networks, data, config)

    benchmark.extra_info["images"] = REPLICAS * STEPS * config.batch
    benchmark.pedantic(synchronised(one_by_one if how == "one by one" else one_pass), rounds=3, warmup_rounds=1)


def ours(data):
    network = UNetDenoiser(data.shape, width=WIDTHS[0], multipliers=tuple(w // WIDTHS[0] for w in WIDTHS)).to(DEVICE)
    config = TrainConfig(
        steps=UNET_STEPS,
        batch=BATCH,
        log_every=1000,
        precision="bfloat16" if FAST else "float32",
        compile=FAST,
        channels_last=True,
    )
    work = estimate([network], [data], replace(config, compile=False)).flops_per_image
    return {"parameters": network.n_parameters, "flops_per_image": work}, lambda: train(network, data, config)


def plain(data):
    """What a user writes with diffusers: UNet2DModel, DDPMScheduler, AdamW."""
    diffusers = pytest.importorskip("diffusers")
    blocks = len(WIDTHS)
    with torch.random.fork_rng(devices=[]):
        unet = diffusers.UNet2DModel(
            sample_size=32,
            layers_per_block=2,
            block_out_channels=WIDTHS,
            norm_num_groups=16,
            add_attention=False,
            down_block_types=("DownBlock2D",) * blocks,
            up_block_types=("UpBlock2D",) * blocks,
        ).to(DEVICE)
    scheduler = diffusers.DDPMScheduler()
    optimiser = torch.optim.AdamW(unet.parameters(), lr=1e-4)
    pixels, generator = data.images.to(DEVICE), torch.Generator(DEVICE).manual_seed(0)

    def loop():
        for _ in range(UNET_STEPS):
            chosen = torch.randint(len(pixels), (BATCH,), generator=generator, device=DEVICE)
            noise = torch.randn((BATCH, *data.shape), generator=generator, device=DEVICE)
            steps = torch.randint(1000, (BATCH,), generator=generator, device=DEVICE)
            noisy = scheduler.add_noise(pixels[chosen], noise, steps)
            with torch.autocast(DEVICE, torch.bfloat16, enabled=FAST):
                loss = torch.nn.functional.mse_loss(unet(noisy, steps).sample.float(), noise)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    return {"parameters": sum(p.numel() for p in unet.parameters())}, loop


@pytest.mark.parametrize("which", [ours, plain])
@pytest.mark.benchmark(group="U-Net")
def test_unet(benchmark, which):
    info, work = which(images())
    benchmark.extra_info.update(images=UNET_STEPS * BATCH, **info)
    benchmark.pedantic(synchronised(work), rounds=3, warmup_rounds=1)
    rate = UNET_STEPS * BATCH / benchmark.stats.stats.min
    print(f"\n{which.__name__}: {rate:.1f} images per second, {info['parameters']:,} parameters")
    if "flops_per_image" in info:
        share = rate * info["flops_per_image"] / matrix_product_rate()
        print(f"{share:.0%} of the operations per second of a matrix product")
