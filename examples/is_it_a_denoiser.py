# %% [markdown]
# # Is a denoiser a denoiser?
#
# A posterior mean E[x0 | x] obeys a list of identities. A closed form must hold all of them to rounding; a trained
# network holds them more or less, and how much is a measurement.

# %%
import sys
from dataclasses import replace

import torch

from idealscore.compare.measures import identities_table, network_identities
from idealscore.errors import IdentityViolation
from idealscore.learned import data, preset, train
from idealscore.theory import GaussianDenoiser, assert_identities

SMALL = "--small" in sys.argv
samples = 256 if SMALL else 4096

# %% [markdown]
# ## A denoiser of ours, and the same one with a mistake
#
# The mistake is the most common one: a factor two in the width of the kernel.

# %%
ours = GaussianDenoiser(torch.zeros(3).double(), torch.diag(torch.tensor([4.0, 1.0, 0.25])).double())
prior, log_density = ours.sample, ours.log_density
report = assert_identities(ours, (3,), [0.5, 2.0], prior=prior, log_density=log_density, n_samples=samples)
print(f"{len(list(report))} findings, {len(report.broken)} broken")


def mistaken(x, sigma):
    return ours(x, 2**0.5 * sigma)


try:
    assert_identities(mistaken, (3,), [0.5], prior=prior, log_density=log_density, n_samples=samples)
except IdentityViolation as violation:
    print(str(violation)[:600])

# %% [markdown]
# ## A trained network
#
# For a network there is no pass or fail: the table gives each violation relative to the size of the terms.

# %%
digits = data.load("digits")
network, recipe = preset("digits", digits)
if SMALL:
    recipe = replace(recipe, steps=20)
network = train(network, digits, recipe).network
chosen = ["symmetry", "mean", "orthogonality"]
found = network_identities(network, digits, [0.3, 1.0, 3.0], n_samples=64 if SMALL else None, identities=chosen)
print(identities_table(found))
