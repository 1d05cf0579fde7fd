# %% [markdown]
# # Does it memorise?
#
# Trained on few images, a network draws copies; on many, new images. Three marks say which: copies among the samples,
# the error on training over that on new images, and the local dimension, which falls to zero where an image was
# memorised. Each stands next to what it would be without memorisation.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.compare import local_dimension, memorisation, track
from idealscore.learned import MLPDenoiser, TrainConfig, data, train_ensemble
from idealscore.simulate import sample, starting_noise
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, karras_sigmas

SMALL = "--small" in sys.argv
training, held_out = data.load("digits").split(359, seed=0)
sizes = [8, 64] if SMALL else [8, 1400]

# %% [markdown]
# ## Two networks
#
# The same shape and the same recipe; one sees few images, the other many.

# %%
subsets = [training.subset(size) for size in sizes]
networks = [MLPDenoiser(training.shape, width=16 if SMALL else 128, depth=2, seed=i) for i in range(2)]
recipe = TrainConfig(steps=5 if SMALL else 1000, batch=32 if SMALL else 128, learning_rate=3e-3)
trained = train_ensemble(networks, subsets, recipe).networks

# %% [markdown]
# ## Copies among the samples
#
# Above: samples. Below: the training image that is nearest to each. A sample counts as a copy where this image is
# three times nearer than the next one; the null is the same share of images that nobody was trained on.

# %%
levels = [*karras_sigmas(4 if SMALL else 18, 0.02, 20.0), 0.0]
picture, axes = plt.subplots(4, 8, figsize=(6, 3.2), layout="constrained")
for k, (network, subset) in enumerate(zip(trained, subsets, strict=True)):
    with torch.no_grad():
        drawn = sample(network, starting_noise(64, training.shape, levels[0], dtype=torch.float32), levels)
    found = memorisation(drawn, subset.images, held_out=held_out.images).memorised
    copies, null = float(found.sel(set="samples")), float(found.sel(set="held-out"))
    print(f"{len(subset):5d} training images: copies {copies:.2f} of 64 samples, {null:.2f} of new images (null)")
    nearest = (drawn[:8, None] - subset.images[None]).flatten(2).norm(dim=-1).argmin(1)
    for column in range(8):
        for row, shown in ((2 * k, drawn[column]), (2 * k + 1, subset.images[nearest[column]])):
            axes[row, column].imshow(shown[0].numpy(), cmap="gray_r", vmin=-1, vmax=1)
            axes[row, column].set(xticks=[], yticks=[])
    axes[2 * k, 0].set_ylabel(f"n={len(subset)}", fontsize=7)
    axes[2 * k + 1, 0].set_ylabel("nearest", fontsize=7)
picture.savefig("copies.png", dpi=150)

# %% [markdown]
# ## The error on training over that on new images
#
# One means no memory; the empirical optimum, which memorises everything, is the other end.

# %%
sigmas = np.geomspace(0.1, 5, 3 if SMALL else 8)


def gap(denoiser, subset):
    """Denoising error on training over that on new images."""
    seen, new = (
        track(denoiser, {"it": denoiser}, images[:64], sigmas, hand_over=False, show=False).denoising_error.sel(
            theory="it"
        )
        for images in (subset.images, held_out.images)
    )
    return seen / new


picture, ax = plt.subplots(figsize=(4.4, 2.8), layout="constrained")
for network, subset, shade in zip(trained, subsets, ("black", "0.6"), strict=True):
    ax.plot(sigmas, gap(network, subset), color=shade, marker="o", ms=3, label=f"network, n = {len(subset)}")
ax.plot(sigmas, gap(EmpiricalDenoiser(subsets[0].images), subsets[0]), color="#D55E00", label="empirical optimum")
ax.set(xscale="log", ylim=(-0.05, 1.2), xlabel="noise level sigma", ylabel="error on training / new images")
ax.legend(frameon=False, fontsize=8)
picture.savefig("gap.png", dpi=150)

# %% [markdown]
# ## Local dimension
#
# How many directions do the data have around a training image, as the denoiser sees it? Zero is a mark of memorising.
# No optimum is below zero, since its Jacobian is a covariance; the network of few images is, at small noise, because it
# is no exact optimum.

# %%
probed = subsets[0].images[:8]
picture, ax = plt.subplots(figsize=(4.4, 2.8), layout="constrained")
for denoiser, name, shade in (
    (trained[0], f"network, n = {len(subsets[0])}", "black"),
    (trained[1], f"network, n = {len(subsets[1])}", "0.6"),
    (EmpiricalDenoiser(subsets[0].images), "empirical optimum", "#D55E00"),
    (GaussianDenoiser.fit(training.images), "Gaussian optimum", "#0072B2"),
):
    found = local_dimension(denoiser, probed, sigmas, n_probes=4 if SMALL else 16, show=False)
    ax.errorbar(sigmas, found.mean_dimension, found.mean_dimension_stderr, color=shade, label=name)
ax.set(xscale="log", xlabel="noise level sigma", ylabel="local dimension, of 64")
ax.legend(frameon=False, fontsize=8)
picture.savefig("dimension.png", dpi=150)
