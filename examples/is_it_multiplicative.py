# %% [markdown]
# # Is a composition multiplicative?
#
# Networks see pictures of some combinations of shape, colour and size, and are asked for the others. Is a new
# combination as likely as the product of its parts? The law to beat is not the mean of the parts but their minimum,
# which holds where concepts fail together.

# %%
import sys
from dataclasses import replace

import matplotlib.pyplot as plt

from idealscore.compare import by_distance, composition, concept_study
from idealscore.compare.concepts import concept_plan
from idealscore.theory import predicted_emergence

SMALL = "--small" in sys.argv
plan = concept_plan("small")
if SMALL:
    plan = replace(plan, seeds=2, per_class=50, n_samples=8, train=replace(plan.train, steps=20, every=10))
print("trained on", plan.chosen.labels)
print("expected order", predicted_emergence(plan.world.graph, plan.chosen.labels, 0.05))

# %% [markdown]
# Every 40 steps the network draws pictures of all eight classes; one linear probe per concept reads them.

# %%
curves = concept_study(plan)
found = composition(curves, threshold=0.8)
times = by_distance(found)
print(times[["time", "time_stderr", "reached"]].to_dataframe())
print(found.rms.mean([dim for dim in found.rms.dims if dim != "law"]).to_series())

# %% [markdown]
# One class that was never shown: the shares of its concepts, of the whole, and what the laws make of the shares.

# %%
label = str(curves["class"][int(curves.distance.argmax("class"))].item())
one = curves.sel({"class": label}).mean("seed")
laws = found.predicted.sel({"class": label}).mean("seed")
figure, ax = plt.subplots(figsize=(4.2, 3), constrained_layout=True)
for concept in one.concept.values:
    ax.plot(one.step, one.accuracy.sel(concept=concept), lw=0.8, ls="--", label=str(concept))
ax.plot(one.step, one.joint, "ko", ms=3, label="all three")
ax.plot(one.step, laws.sel(law="multiplicative"), color="#0072B2", label="product")
ax.plot(one.step, laws.sel(law="slowest"), color="#D55E00", label="minimum")
ax.set(xlabel="training step", ylabel="share of pictures", title=f"class {label}, not in training")
ax.legend(frameon=False, ncols=2)
figure.savefig("multiplicative.png", dpi=150)
