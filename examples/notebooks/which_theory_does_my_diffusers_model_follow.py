# %% [markdown]
# # Which theory does my diffusers model follow?
#
# A pipeline of diffusers is trained here on small digits, saved, and read back as a denoiser. `compare` then says at
# each noise level how much of its score every theory explains. For a pipeline of your own leave out the training and
# pass its folder, or `hf:OWNER/NAME`, to `load_network`. This notebook needs diffusers: `pip install
# 'idealscore[hub]'`.

# %%
import sys
from tempfile import mkdtemp

import torch

from idealscore.compare import Comparison, compare, figure, report
from idealscore.errors import MissingDependencyError
from idealscore.learned import data, load_network

try:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel  # pyright: ignore[reportPrivateImportUsage]
except ImportError:
    raise MissingDependencyError("diffusers", "hub") from None

SMALL = "--small" in sys.argv
training, held_out = data.load("digits").split(0.2, seed=0)
print(training)

# %% [markdown]
# ## A pipeline
#
# The usual lines of a DDPM: noise at a random step, and a small U-Net that guesses it.

# %%
torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    block_out_channels=(16, 32),
    layers_per_block=1,
    norm_num_groups=8,
    down_block_types=("DownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "UpBlock2D"),
)
scheduler = DDPMScheduler(num_train_timesteps=1000)
optimizer = torch.optim.AdamW(unet.parameters(), 2e-3)
losses = []
for _ in range(2 if SMALL else 600):
    x0 = training.images[torch.randint(len(training), (64,))]
    step, noise = torch.randint(1000, (64,)), torch.randn(64, 1, 8, 8)
    guess = unet(scheduler.add_noise(x0, noise, step), step).sample  # pyright: ignore[reportArgumentType]
    loss = (guess - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
folder = mkdtemp()
DDPMPipeline(unet, scheduler).save_pretrained(folder)
print(f"mean loss of the last 100 steps: {sum(losses[-100:]) / len(losses[-100:]):.3f}")

# %% [markdown]
# ## Held against theory
#
# One line reads the pipeline. The theories are made of the training images, and all of them are judged on images that
# neither they nor the network have seen.

# %%
network = load_network(folder)
settings = Comparison(levels=2, n_images=8, n_noise=1) if SMALL else Comparison(levels=5, n_images=32, n_noise=1)
result = compare(network, training, held_out, settings, show=False)
print(report(result, "diffusers-model"))

# %% [markdown]
# ## The picture
#
# The lowest curve in (a) is the theory that the network follows at that noise level. In (b) a curve below one means
# that training images are denoised better than new ones. Below, one digit as the network and each theory denoise it.

# %%
drawn = figure(result)
