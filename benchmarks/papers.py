"""What the papers themselves computed, in operations: networks of their channels, with their images, steps and runs.

`python benchmarks/papers.py` counts the operations of one image through each network, forward, on tensors that hold no
numbers, takes three times that for an image that is trained on, and prints a table in Markdown: PFLOP, hours of a core
of the processor at the rate that was measured there, and hours of a GPU at a rate that is assumed (`--core`, `--gpu`,
in GFLOP per second). The networks are UNet2DModel of diffusers with the channels, blocks and places of attention of the
papers', which are alike in cost and not equal.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from torch.utils.flop_counter import FlopCounterMode

CORE = 105.0  # measured: our U-Net of 1.27 million parameters, docs/performance_training.md
GPU = 9750.0  # assumed: half of the published float32 rate of an A100


@dataclass(frozen=True)
class Network:
    """Channels of the stages, blocks in each, sides at which there is attention; side and colours of the image."""

    channels: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    side: int
    colours: int = 3

    def build(self) -> UNet2DModel:
        sides = [self.side >> stage for stage in range(len(self.channels))]
        attended = ["Attn" if side in self.attention else "" for side in sides]
        return UNet2DModel(
            sample_size=self.side, in_channels=self.colours, out_channels=self.colours,
            block_out_channels=self.channels, layers_per_block=self.blocks,
            down_block_types=tuple(f"{kind}DownBlock2D" for kind in attended),
            up_block_types=tuple(f"{kind}UpBlock2D" for kind in attended[::-1]),
            norm_num_groups=min(32, self.channels[0]),
        )  # fmt: skip


@cache
def counted(network: Network) -> tuple[int, int]:
    """(parameters, operations of one image, forward)."""
    with torch.device("meta"):
        model = network.build()
        x, counter = torch.zeros(1, network.colours, network.side, network.side), FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(x, torch.zeros(1))
    return sum(weights.numel() for weights in model.parameters()), counter.get_total_flops()


@dataclass(frozen=True)
class Run:
    """Networks of one kind: images trained on, and passes of an image without training, of all of them together."""

    network: Network
    trained: float
    asked: float


def edm(width: int, side: int, stages: int, blocks: int = 4) -> Network:
    """The DDPM++ network of the EDM code."""
    return Network((width, *[2 * width] * (stages - 1)), blocks, (16,), side)


def papers() -> Iterator[tuple[str, str, list[Run]]]:
    """Paper, what it ran, and the runs."""
    passes = 10_000 * sum(range(25, 251, 25))
    guided = Network((256, 256, 512, 512, 1024, 1024), 2, (32, 16, 8), 256)
    yield (
        "Sclocchi et al.",
        "nothing trained; 10,000 images of 256 x 256 to ten noise levels and back, 250 steps of a public network",
        [Run(guided, 0, passes)],
    )
    images = 70.2e6
    widths = [4, 8, 16, 32, 64]
    yield (
        "Li et al.",
        "FFHQ 64 x 64, one of its four sets: 7 sizes and 5 smaller widths, 70.2 million images each",
        [Run(edm(128, 64, 4), 7 * images, 0), *(Run(edm(width, 64, 4), images, 0) for width in widths)],
    )
    yield (
        "Zhang et al.",
        "CIFAR-10: 10 sizes, widths 64 and 128, 50 million images each, 10,000 samples of 35 passes",
        [Run(edm(width, 32, 3), 10 * 50e6, 10 * 10_000 * 35) for width in (64, 128)],
    )
    networks, epochs = 10 + 3 * 12, 100
    trained, sampled = networks * 7_800 * 64, networks * epochs * 8 * 64 * 500
    yield (
        "Okawa et al.",
        "10 splits and 36 networks on rare classes, 7,800 steps of 64; at 100 times 64 samples of 8 classes, 500 steps",
        [Run(Network((256, 512), 1, (), 28), trained, sampled)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--core", type=float, default=CORE, help="GFLOP per second of a core")
    parser.add_argument("--gpu", type=float, default=GPU, help="GFLOP per second of a GPU")
    chosen = parser.parse_args()
    print("| paper | what it ran | parameters | images trained on | images asked | PFLOP | core hours | GPU hours |")
    print("|---|---|---|---|---|---|---|---|")
    for paper, what, runs in papers():
        sizes = [counted(run.network)[0] / 1e6 for run in runs]
        size = f"{sizes[0]:.3g} M" if len(sizes) == 1 else f"{min(sizes):.2g} to {max(sizes):.3g} M"
        total = sum(counted(run.network)[1] * (3 * run.trained + run.asked) for run in runs)
        images = f"{sum(run.trained for run in runs):.1e} | {sum(run.asked for run in runs):.1e}"
        hours = [f"{total / rate / 1e9 / 3600:,.3g}" for rate in (chosen.core, chosen.gpu)]
        print(f"| {paper} | {what} | {size} | {images} | {total / 1e15:,.4g} | {' | '.join(hours)} |", flush=True)


if __name__ == "__main__":
    main()
