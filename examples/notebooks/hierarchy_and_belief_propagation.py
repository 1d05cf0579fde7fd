# %% [markdown]
# # Hierarchy and belief propagation
#
# The random hierarchy model makes strings as a tree makes leaves: a class, then features, then their parts. The best
# denoiser of such strings is exact, belief propagation. It loses the class suddenly at a threshold of noise, and the
# leaves little by little.

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from idealscore.simulate import level_profile
from idealscore.theory import BeliefPropagation, Grammar, HierarchyTheory

SMALL = "--small" in sys.argv
grammar = Grammar.random(v=4, m=2, s=2, depth=3, seed=1)
propagation = BeliefPropagation(grammar)
print(grammar)

# %% [markdown]
# ## One string, hidden leaf by leaf
#
# `sample` draws strings of the grammar; `parse` names every symbol above them.

# %%
nothing = torch.ones(1, grammar.leaves, 4, dtype=torch.float64)
drawn = propagation.sample(nothing, seed=3)[0]
tree = [level[0] for level in grammar.parse(drawn.reshape(1, -1).numpy())]
for level in reversed(tree):
    print("  ".join(str(symbol) for symbol in level).center(40))

# %% [markdown]
# Leaves are hidden from the right. The bars are the posterior of the class, exact by belief propagation.

# %%
picture, axes = plt.subplots(1, 4, figsize=(7, 2), layout="constrained", sharey=True)
for ax, hidden in zip(axes, (0, 4, 6, 8), strict=True):
    likelihood = torch.nn.functional.one_hot(torch.as_tensor(tree[0]), 4).double()[None]
    likelihood[:, grammar.leaves - hidden :] = 1.0
    posterior = propagation.marginals(likelihood)[-1][0, 0]
    colours = ["#E69F00" if symbol == tree[-1][0] else "0.7" for symbol in range(4)]
    ax.bar(range(4), posterior.tolist(), color=colours)
    ax.set(title=f"{hidden} of 8 hidden", xlabel="class", xticks=range(4), ylim=(0, 1.05))
axes[0].set_ylabel("posterior")
picture.savefig("posterior.png", dpi=150)

# %% [markdown]
# ## The threshold
#
# In large vocabularies the class is lost at epsilon*, the fixed point of the mean-field recursion. Lines: mean field.
# Points: belief propagation over random grammars, with their standard errors. The deeper the tree, the sharper.

# %%
v, m, s, depth = (8, 2, 2, 2) if SMALL else (32, 8, 2, 6)
theory = HierarchyTheory(v, m, s)
star = theory.critical_epsilon
print(f"epsilon* = {star}, exponent nu = {theory.correlation_exponent}")
epsilon = np.linspace(0.3, 1.0, 4 if SMALL else 11)
measured = level_profile(v, m, s, depth, "epsilon", epsilon, n_grammars=2 if SMALL else 6, n_data=4 if SMALL else 24)
predicted = theory.profile(depth, epsilon)

# %%
picture, ax = plt.subplots(figsize=(4.4, 3), layout="constrained")
for level, colour in zip((0, depth // 2, depth), ("#56B4E9", "#0072B2", "black"), strict=True):
    exact = measured.sel(level=level)
    name = {0: "leaves", depth: "class"}.get(level, f"level {level}")
    ax.plot(epsilon, predicted[:, level], color=colour)
    ax.errorbar(epsilon, exact.marginal, exact.marginal_stderr, color=colour, fmt="o", ms=3, label=name)
if star is not None:
    ax.axvline(star, color="0.6", ls=":")
ax.set(xlabel="noise epsilon", ylabel="true symbol recovered")
ax.legend(frameon=False)
picture.savefig("levels.png", dpi=150)
