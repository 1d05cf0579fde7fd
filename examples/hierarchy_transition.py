# %% [markdown]
# # A phase transition in a hierarchy
#
# Data made by a random hierarchy of production rules lose their class at a threshold of noise, their leaves smoothly.
# The optimal denoiser is exact belief propagation; mean field predicts the threshold for the channel "epsilon".
# For real noise: `idealscore transitions hierarchy`.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np

from idealscore.simulate import level_profile
from idealscore.theory import HierarchyTheory

SMALL = "--small" in sys.argv
v, m, s = 32, 8, 2
depth = 3 if SMALL else 7
theory = HierarchyTheory(v, m, s)
print(f"epsilon* = {theory.critical_epsilon:.4f}, exponent nu = {theory.correlation_exponent:.3f}")

# %%
epsilon = np.linspace(0.3, 1.0, 5 if SMALL else 15)
measured = level_profile(v, m, s, depth, "epsilon", epsilon, n_grammars=2 if SMALL else 8, n_data=4 if SMALL else 32)
predicted = theory.profile(depth, epsilon)

# %% [markdown]
# Lines are mean field, points exact belief propagation over random grammars.

# %%
figure, ax = plt.subplots(figsize=(4.2, 3), constrained_layout=True)
for level, colour in zip((0, depth // 2, depth), ("#56B4E9", "#0072B2", "black"), strict=True):
    exact = measured.sel(level=level)
    name = {0: "leaves", depth: "class"}.get(level, f"level {level}")
    ax.plot(epsilon, predicted[:, level], color=colour)
    ax.errorbar(epsilon, exact.marginal, exact.marginal_stderr, color=colour, fmt="o", ms=3, label=name)
if theory.critical_epsilon is not None:
    ax.axvline(theory.critical_epsilon, color="0.6", ls=":")
ax.set(xlabel="noise epsilon", ylabel="true symbol recovered")
ax.legend(frameon=False)
figure.savefig("hierarchy_transition.png", dpi=150)
