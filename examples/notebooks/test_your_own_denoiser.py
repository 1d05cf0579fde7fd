# %% [markdown]
# # Test your own denoiser
#
# A posterior mean E[x0 | x] is not a free function: its Jacobian is a covariance, its average is that of the data,
# its score is the slope of a density. The kit checks what it can on any callable `denoiser(x, sigma)`, and guesses
# the cause of a failure. No network is needed.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.errors import IdentityViolation
from idealscore.theory import EmpiricalDenoiser, assert_identities

SMALL = "--small" in sys.argv
samples = 256 if SMALL else 4096

# %% [markdown]
# ## A denoiser from one's own derivation
#
# The data are a circle of twelve points; the posterior mean is a weighted average of them. Written down by hand:

# %%
angle = 2 * torch.pi * torch.arange(12, dtype=torch.float64) / 12
points = torch.stack([angle.cos(), angle.sin()], 1)


def mine(x, sigma):
    sigma = torch.as_tensor(sigma, dtype=x.dtype).reshape(-1, 1)
    distance = (x[:, None] - points[None]).square().sum(-1)
    return torch.softmax(-distance / (2 * sigma**2), 1) @ points


def prior(n, seed):
    """What the denoiser believes that the data are."""
    return points[torch.randint(12, (n,), generator=torch.Generator().manual_seed(seed))]


report = assert_identities(mine, (2,), [0.3, 1.0], prior=prior, n_samples=samples)
print(f"{len(list(report))} findings, {len(report.broken)} broken")
x = torch.randn(5, 2, dtype=torch.float64)
apart = (mine(x, 0.5) - EmpiricalDenoiser(points)(x, 0.5)).abs().max()
print("the same as EmpiricalDenoiser to nine digits:", bool(apart < 1e-9))

# %% [markdown]
# ## The same with mistakes
#
# The kit names the identity that broke, where, and the likely cause.

# %%


def noise_prediction(x, sigma):
    return (x - mine(x, sigma)) / torch.as_tensor(sigma, dtype=x.dtype).reshape(-1, 1)


mistakes = {
    "a factor two in the kernel": lambda x, sigma: mine(x, 2**0.5 * sigma),
    "shrunk by a tenth": lambda x, sigma: 0.9 * mine(x, sigma),
    "noise prediction returned": noise_prediction,
}
for name, wrong in mistakes.items():
    try:
        assert_identities(wrong, (2,), [0.5], prior=prior, n_samples=samples)
        print(f"{name}: nothing found")
    except IdentityViolation as violation:
        print(f"{name}:", *str(violation).splitlines()[:4], sep="\n    ")

# %% [markdown]
# ## What the denoiser does
#
# Arrows lead from noisy points to what the denoiser makes of them: at large noise to the centre, at small noise to
# the points.

# %%
picture, axes = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
grid = torch.as_tensor(np.stack(np.meshgrid(*[np.linspace(-1.6, 1.6, 9)] * 2), -1).reshape(-1, 2))
for ax, sigma in zip(axes, (2.0, 0.5, 0.1), strict=True):
    moved = mine(grid, sigma) - grid
    ax.quiver(*grid.T, *moved.T, angles="xy", scale_units="xy", scale=1.6, color="0.5", width=0.005)
    ax.scatter(*points.T, s=14, color="#D55E00")
    ax.set(title=f"sigma = {sigma}", aspect="equal", xticks=[], yticks=[])
picture.savefig("arrows.png", dpi=150)
