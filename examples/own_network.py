# %% [markdown]
# # Hold your own network against theory
#
# A network of any convention becomes a denoiser by one line of `wrap`; `compare` then says, noise level by noise level,
# which optimum of *its own training set* it is closest to. Here a small network is trained in plain PyTorch to predict
# the noise of a DDPM, as it could come out of anybody's code.

# %%
import sys

import torch

from idealscore import DiscreteSchedule
from idealscore.compare import Comparison, compare, report
from idealscore.learned import data, wrap

SMALL = "--small" in sys.argv
schedule = DiscreteSchedule.linear(1000)
training, held_out = data.load("digits").split(0.2)


# %% [markdown]
# The network sees `z = sqrt(abar) x0 + sqrt(1 - abar) n` and the step 0 ... 999, and is trained on the plain squared
# error.


# %%
class Net(torch.nn.Module):
    def __init__(self, width=256):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64 + 16, width),
            torch.nn.SiLU(),
            torch.nn.Linear(width, width),
            torch.nn.SiLU(),
            torch.nn.Linear(width, 64),
        )

    def forward(self, z, step):
        angle = (step / 1000)[:, None] * torch.pi * 2.0 ** torch.arange(8)
        time = torch.cat([angle.sin(), angle.cos()], 1)
        return self.layers(torch.cat([z.flatten(1), time], 1)).reshape(z.shape)


torch.manual_seed(0)
net = Net(32 if SMALL else 256)
optimizer = torch.optim.Adam(net.parameters(), 2e-3)
loss = torch.tensor(float("nan"))
abar = torch.tensor(schedule.alpha_bar[1:], dtype=torch.float32)
for _ in range(30 if SMALL else 8000):
    x0 = training.images[torch.randint(len(training), (128,))]
    step, noise = torch.randint(1000, (128,)), torch.randn(128, 1, 8, 8)
    a = abar[step].reshape(-1, 1, 1, 1)
    loss = (net(a.sqrt() * x0 + (1 - a).sqrt() * noise, step) - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"last loss {loss.item():.3f}")

# %% [markdown]
# From here on nothing depends on how it was trained. The folder `own-network` holds `report.html`, `compare.png` and
# `compare.nc`.

# %%
network = wrap.function(net, predicts="noise", clock="index", schedule=schedule, shape=training.shape)
settings = Comparison(levels=3, n_images=20, n_noise=1) if SMALL else Comparison()
result = compare(network, training, held_out, settings, note="a DDPM of our own")
print(report(result, "own-network"))
