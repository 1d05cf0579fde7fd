# %% [markdown]
# # Percolation: from a lattice to bumps
#
# Places of a lattice are filled at random. Below a critical share there are islands only, above it one continent. The
# same question decides when bumps, as a network may be trained on, become one connected set of images.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np

from idealscore.simulate.percolation import estimate_threshold, label, sweep
from idealscore.theory import critical_data_fraction, threshold, wrapping_probabilities
from idealscore.theory.percolation import extended_square, link_radius

SMALL = "--small" in sys.argv

# %% [markdown]
# ## Islands and a continent
#
# The same random numbers, three shares p. The largest cluster is dark.

# %%
side = 32 if SMALL else 64
field = np.random.default_rng(0).random((side, side))
picture, axes = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
for ax, p in zip(axes, (0.5, 0.5927, 0.65), strict=True):
    labels, count = label(field, p)
    sizes = np.bincount(labels[labels > 0])
    ax.imshow(np.where(labels == 0, 0, np.where(labels == sizes.argmax(), 2, 1)), cmap="Blues")
    ax.set(title=f"p = {p}: {count} clusters", xticks=[], yticks=[])
picture.savefig("clusters.png", dpi=150)

# %% [markdown]
# ## The threshold
#
# Each run fills the lattice place by place, so that one sweep answers for every p. Curves of different sizes cross at
# the threshold, at a height that is known exactly on the torus.

# %%
known = threshold("square", "site")
lattice_sizes = (8, 16) if SMALL else (16, 32, 64)
sweeps = [sweep("square", "site", size, 100 if SMALL else 2000, seed=1, show=False) for size in lattice_sizes]
p = np.linspace(0.5, 0.68, 61)
picture, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
for size, run, shade in zip(lattice_sizes, sweeps, ("#56B4E9", "#0072B2", "black"), strict=False):
    curves = run.canonical(p)
    left.plot(p, curves.wrapping_horizontal, color=shade, label=f"L = {size}")
    right.plot(p, curves.largest, color=shade)
left.axhline(wrapping_probabilities().horizontal, color="0.6", ls=":")
for ax, name in ((left, "chance to wrap around"), (right, "share in the largest cluster")):
    ax.axvline(known.value, color="0.6", ls=":")
    ax.set(xlabel="share of places filled, p", ylabel=name)
left.legend(frameon=False)
picture.savefig("crossing.png", dpi=150)
print("measured:  ", estimate_threshold(sweeps))
print("literature:", known)

# %% [markdown]
# ## Bumps
#
# Now the places are images: a Gaussian bump of width w at each place of a canvas, of which a share is kept for
# training. Two images are neighbours where they overlap by more than 0.005. Wide bumps have many neighbours and
# become connected early; the threshold is that of a lattice with more neighbours. Solid lines: simulated. Dotted:
# predicted.

# %%
fractions = np.linspace(0.02, 1.0, 50)
canvas, runs = (16, 50) if SMALL else (64, 400)
picture, ax = plt.subplots(figsize=(4.4, 3), layout="constrained")
for width, shade in ((0.25, "#440154"), (0.35, "#31688E"), (0.5, "#35B779")):
    lattice = extended_square(link_radius(width, 0.005))
    found = sweep(lattice, "site", canvas, runs, seed=2, periodic=False, quantities=("largest",), show=False)
    connected = found.canonical(fractions).largest / fractions
    predicted = critical_data_fraction(1.0, width)
    ax.plot(fractions, connected, color=shade, label=f"width {width}")
    if predicted.value is not None:
        ax.axvline(predicted.value, color=shade, ls=":")
    print(f"width {width}: critical share {predicted.value:.3f}" if predicted.value else f"width {width}: none")
ax.set(xlabel="share of the bumps kept for training", ylabel="share of them in one connected set")
ax.legend(frameon=False)
picture.savefig("bumps.png", dpi=150)
