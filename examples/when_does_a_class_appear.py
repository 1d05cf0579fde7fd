# %% [markdown]
# # When does a class appear?
#
# Two clones of one noisy image: at large noise they become different digits, at small noise the same one. The level
# in between is where the class is decided. Theory knows it from images and labels alone; the clones of a denoiser
# show it.

# %%
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.compare import clone_experiment
from idealscore.learned import data, preset, train, train_classifier
from idealscore.theory import MixtureDenoiser, class_speciation, cloning, speciation

SMALL = "--small" in sys.argv
digits = data.load("digits")
labels = torch.as_tensor(digits.labels)
two = digits.take(torch.nonzero((labels == 0) | (labels == 1))[:, 0].numpy(), "zeros and ones")

# %% [markdown]
# ## Predicted
#
# `speciation` uses the largest variance of the data, labelled or not; `class_speciation` the distance of the two means
# in units of what varies within the classes: m^T (C + sigma^2)^-1 m = 1.

# %%
by_variance = speciation(two.images)
by_class = class_speciation(two.images, two.labels)[0, 1]
print(by_variance)
print(by_class)

# %% [markdown]
# The whole curve phi(sigma), the probability that two clones are of one class, for one Gaussian per class:

# %%
sigmas = np.geomspace(0.5, 20, 5 if SMALL else 14)
mixture = MixtureDenoiser.fit(two.images, two.labels)
predicted = cloning(mixture, sigmas, n=256 if SMALL else 4096)

# %% [markdown]
# ## Measured on a trained network
#
# A classifier says which digit a clone has become.

# %%
network, recipe = preset("digits", two)
if SMALL:
    recipe = replace(recipe, steps=20)
network = train(network, two, recipe).network
judge = train_classifier(two, steps=30 if SMALL else 1000)
starts = two.images[: 16 if SMALL else 256]
measured = clone_experiment(network, starts, judge, sigmas, n_steps=5 if SMALL else 100)

# %%
figure, ax = plt.subplots(figsize=(4, 3), constrained_layout=True)
ax.errorbar(predicted.sigma, predicted.phi, predicted.phi_stderr, color="#009E73", label="one Gaussian per class")
ax.errorbar(sigmas, measured.agreement, measured.agreement_stderr, color="black", fmt="o", label="clones, network")
if by_class.value is not None:
    ax.axvline(by_class.value, color="0.6", ls=":", label="predicted class transition")
ax.set(xscale="log", xlabel="noise level sigma", ylabel="two clones of one class", ylim=(0.4, 1.3))
ax.legend(frameon=False, fontsize=8, loc="upper right")
figure.savefig("class_appears.png", dpi=150)
