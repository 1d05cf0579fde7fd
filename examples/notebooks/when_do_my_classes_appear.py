# %% [markdown]
# # When do my classes appear?
#
# On the way from noise to an image there is a level above which the class is open and below which it is decided.
# Images and labels are enough to predict it, pair by pair of classes. Clones of one noisy image, sent back twice,
# show it.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.compare import clone_experiment
from idealscore.learned import data
from idealscore.theory import MixtureDenoiser, class_speciation, cloning, speciation

SMALL = "--small" in sys.argv
digits = data.load("digits")
print(digits)

# %% [markdown]
# ## Predicted for every pair
#
# Two classes part where the distance of their means is as large as what varies within them, m^T (C + sigma^2)^-1 m =
# 1. A large number is a pair that parts early, at much noise: the two look different.

# %%
pairs = class_speciation(digits.images, digits.labels)
table = np.full((10, 10), np.nan)
for (a, b), transition in pairs.items():
    table[a, b] = table[b, a] = np.nan if transition.value is None else transition.value
order = sorted((pair for pair in pairs if pairs[pair].value is not None), key=lambda pair: -table[pair])
print("first to part:", pairs[order[0]])
print("last to part: ", pairs[order[-1]])
print("the variance alone:", speciation(digits.images))

# %%
picture, ax = plt.subplots(figsize=(4, 3.4), layout="constrained")
image = ax.imshow(table, cmap="viridis")
ax.set(xticks=range(10), yticks=range(10), xlabel="class", ylabel="class")
picture.colorbar(image, label="noise level sigma at which two classes part")
picture.savefig("pairs.png", dpi=150)

# %% [markdown]
# ## Measured with clones
#
# One noisy image is sent back twice. The share of pairs that end in one class rises from chance to one where the
# class is decided. Line: theory, one Gaussian per class. Points: reverse diffusion of that denoiser, judged by its
# own posterior. Put your network and a classifier in their places to see where yours decides.

# %%
labels = torch.as_tensor(digits.labels)
chosen = digits.take(torch.nonzero((labels == 0) | (labels == 1))[:, 0].numpy(), "zeros and ones")
mixture = MixtureDenoiser.fit(chosen.images, chosen.labels)
sigmas = np.geomspace(0.3, 20, 3 if SMALL else 10)
predicted = cloning(mixture, sigmas, n=256 if SMALL else 4096)


def judge(images):
    """The nearer of the two class means."""
    means = torch.stack([chosen.images[torch.as_tensor(chosen.labels) == k].mean(0) for k in (0, 1)])
    return (images[:, None] - means.to(images)).flatten(2).norm(dim=-1).argmin(1)


starts = chosen.images[: 16 if SMALL else 200]
measured = clone_experiment(mixture, starts, judge, sigmas, n_steps=5 if SMALL else 60, show=False)

# %%
picture, ax = plt.subplots(figsize=(4, 3), layout="constrained")
ax.errorbar(predicted.sigma, predicted.phi, predicted.phi_stderr, color="#009E73", label="theory")
ax.errorbar(sigmas, measured.agreement, measured.agreement_stderr, color="black", fmt="o", ms=4, label="clones")
ax.axvline(table[0, 1], color="0.6", ls=":", label="predicted for 0 and 1")
ax.set(xscale="log", xlabel="noise level sigma", ylabel="two clones of one class", ylim=(0.4, 1.05))
ax.legend(frameon=False)
picture.savefig("clones.png", dpi=150)
