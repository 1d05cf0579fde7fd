"""What the tests of training share: points, a small network, a short run."""

import torch

from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import TrainConfig

SHORT = TrainConfig(steps=12, batch=8, warmup=2, log_every=3, checkpoint_every=4, snapshots=3)


def points(n=40, d=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator) @ torch.randn(d, d, generator=generator) / 2


def small(seed=0, **options):
    return MLPDenoiser((3,), width=8, depth=1, seed=seed, **options)


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
