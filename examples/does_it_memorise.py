# %% [markdown]
# # Does a network memorise?
#
# Trained on few images, a network draws copies; on many, new images. Two numbers say which, and each has a
# reference: the share of samples much nearer to one training image than to any other (of new images: the null),
# and the denoising error on training images over that on new ones (of the empirical optimum: all memorised).

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.compare import memorisation, track
from idealscore.learned import MLPDenoiser, TrainConfig, data, train_ensemble
from idealscore.simulate import sample, starting_noise
from idealscore.theory import EmpiricalDenoiser, karras_sigmas

SMALL = "--small" in sys.argv
sizes = [8, 64] if SMALL else [8, 32, 128, 512, 1400]
training, held_out = data.load("digits").split(359)

# %% [markdown]
# Networks of one shape, each with its own training set, are trained in one pass.

# %%
subsets = [training.subset(size) for size in sizes]
networks = [MLPDenoiser(training.shape, width=32 if SMALL else 256, depth=2, seed=i) for i in range(len(sizes))]
recipe = TrainConfig(steps=30 if SMALL else 5000, batch=32 if SMALL else 128, learning_rate=3e-3)
trained = train_ensemble(networks, subsets, recipe).networks

# %% [markdown]
# Samples, and the share of copies among them next to the same share of held-out images.

# %%
levels = [*karras_sigmas(4 if SMALL else 18, 0.02, 20.0), 0.0]
n = 16 if SMALL else 256
copies, null = [], []
for network, subset in zip(trained, subsets, strict=True):
    with torch.no_grad():
        drawn = sample(network, starting_noise(n, training.shape, levels[0], dtype=torch.float32), levels)
    found = memorisation(drawn, subset.images, held_out=held_out.images)
    copies.append(found.memorised.sel(set="samples"))
    null.append(found.memorised.sel(set="held-out"))
    print(
        f"{len(subset):5d} images: copies {float(copies[-1]):.3f} of {n} samples, {float(null[-1]):.3f} of new images"
    )

# %% [markdown]
# The test-train gap at each noise level, next to that of the empirical optimum.

# %%
sigmas = np.geomspace(0.1, 5, 3 if SMALL else 10)


def gap(denoiser, subset):
    """Denoising error on training over that on new images."""
    parts = subset.images[:256], held_out.images[:256]
    # not tried first: memory denoises new images badly, which is no fault of its wrapping
    seen, new = (track(denoiser, {"it": denoiser}, images, sigmas, hand_over=False) for images in parts)
    return (seen.denoising_error / new.denoising_error).sel(theory="it")


figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), constrained_layout=True)
left.plot(sizes, copies, "ko-", label="samples")
left.plot(sizes, null, color="0.6", label="new images")
left.set(xscale="log", xlabel="training images", ylabel="share of copies", ylim=(-0.05, 1.05))
left.legend(frameon=False)
for network, subset, shade in zip(trained, subsets, np.linspace(0.0, 0.7, len(sizes)), strict=True):
    right.plot(sigmas, gap(network, subset), color=str(shade), label=f"{len(subset)} images")
right.plot(sigmas, gap(EmpiricalDenoiser(subsets[0].images), subsets[0]), color="#D55E00", label="empirical optimum")
right.set(xscale="log", ylim=(-0.05, 1.05), xlabel="noise level sigma", ylabel="error on training / new images")
right.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure.savefig("memorises.png", dpi=150)
