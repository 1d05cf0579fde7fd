"""Train a convolutional diffusion model of `diffusers` on MNIST, as the figure `network_on_mnist` has it.

    python examples/train_mnist_unet.py mnist.npz mnist-unet --steps 4000

takes a file with arrays `images` (n, 1, 28, 28) of bytes and `labels`, about 45 minutes on one core, goes on where it
was stopped, and writes a pipeline folder. Then

    idealscore compare mnist.npz --model mnist-unet --condition 10

holds it against the theories; images of CIFAR-10 do as well, for `network_on_cifar10`. A UNet2DModel of 0.95 million
parameters predicts the noise of 1,000 linear steps; the class of an image is dropped for one image in seven, and class
10 means none; weights are averaged over the steps.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.training_utils import EMAModel

BATCH, RATE, WARMUP, DROPPED, NONE, SAVE_EVERY = 64, 1e-3, 200, 0.15, 10, 250


def network(channels: int, size: int) -> UNet2DModel:
    """Three resolutions, attention on the lowest."""
    return UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(32, 48, 64),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        num_class_embeds=NONE + 1,
    )


def rate(step: int, steps: int) -> float:
    """Rises over the first steps, falls to a twentieth over the last three tenths."""
    left = (steps - step) / (0.3 * steps)
    return RATE * min(1.0, (step + 1) / WARMUP) * min(1.0, max(0.05, left))


def train(data: str, out: Path, steps: int, seed: int) -> None:
    """Train, or go on; the draws of a step depend on the seed and the step alone."""
    torch.manual_seed(seed)
    with np.load(data) as arrays:
        images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()
    model = network(images.shape[1], images.shape[2])
    scheduler = DDPMScheduler(1000, beta_schedule="linear", prediction_type="epsilon")
    average = EMAModel(model.parameters(), decay=0.999)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    state, first = out.with_suffix(".pt"), 0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        average.load_state_dict(kept["average"])
        first = kept["step"]
    for step in range(first, steps):
        draw = torch.Generator().manual_seed(seed * 1_000_003 + step)
        index = torch.randint(len(images), (BATCH,), generator=draw)
        clean = images[index].float() / 127.5 - 1
        label = torch.where(torch.rand(BATCH, generator=draw) < DROPPED, NONE, labels[index])
        noise = torch.randn(clean.shape, generator=draw)
        time = torch.randint(1000, (BATCH,), generator=draw)
        noisy = scheduler.add_noise(clean, noise, time)  # pyright: ignore[reportArgumentType]
        answer = model(noisy, time, class_labels=label).sample
        loss = (answer - noise).square().mean()
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.step(model.parameters())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            print(f"step {step + 1} of {steps}, loss {loss.item():.4f}", flush=True)
            kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state_dict()}
            torch.save(kept | {"step": step + 1}, f"{state}.part")
            os.replace(f"{state}.part", state)
    average.copy_to(model.parameters())
    DDPMPipeline(model, scheduler).save_pretrained(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", help="an .npz file with images and labels")
    parser.add_argument("out", type=Path, help="folder of the pipeline")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    train(options.data, options.out, options.steps, options.seed)
