"""Functions that `idealscore sweep` knows by name: numbers or words in, a Dataset of estimates with errors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

POINTS = {
    "percolate": "idealscore.cli._sweep_points:percolate",
    "train": "idealscore.cli._sweep_points:train",
}


def percolate(
    lattice: str = "square", kind: str = "site", size: int = 64, p: float = 0.5, runs: int = 100, seed: int = 0
) -> xr.Dataset:
    """Clusters of a lattice at probability p (density eta of disks and spheres), with standard errors.

    >>> found = percolate(size=16, p=1.0, runs=2)
    >>> float(found.largest)
    1.0
    """
    from ..simulate import percolation
    from ..simulate.percolation._study import CONTINUUM

    if lattice in CONTINUUM:
        return CONTINUUM[lattice](size, runs, seed).canonical(p).squeeze("eta", drop=True)
    return percolation.sweep(lattice, kind, size, runs, seed).canonical(p).squeeze("p", drop=True)


def train(
    data: str = "digits",
    network: str = "mlp",
    n_train: int = 0,
    sigmas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0),
    held_out: float = 0.2,
    seed: int = 0,
    steps: int = 1000,
    batch: int = 128,
    **options: Any,
) -> xr.Dataset:
    """A network trained on `n_train` images (0 for all), and its denoising error per entry with the standard error
    over images, at each sigma, on the images it was trained on and on those held out. `options` are the network's.
    """
    import numpy as np
    import torch
    import xarray as xr

    from .._support import checks as check
    from .._support.estimates import estimates, mean_error
    from .._support.streams import normal_batch
    from ..learned import data as data_module
    from ..learned.networks import NETWORKS
    from ..learned.training import train as fit
    from ..learned.training.config import TrainConfig

    training, held = data_module.load(data).split(held_out, 0)
    training = training.subset(n_train, seed) if n_train else training
    make = NETWORKS[check.choice("network", network, NETWORKS)]
    made = make(training.shape, seed=seed, sigma_data=training.sigma_data, **options)
    config = TrainConfig(steps=steps, batch=batch, seed=seed, checkpoint_every=steps, warmup=min(100, steps // 4))
    run = fit(made, training, config, show=False)
    errors = np.zeros((2, len(sigmas), 2))
    for i, images in enumerate((training.images, held.images)):
        for j, sigma in enumerate(sigmas):
            noise = normal_batch(seed, "sweep evaluation", range(len(images)), images.shape[1:], j, torch.float32)
            with torch.no_grad():
                denoised = run.network(images + sigma * noise, sigma)
            errors[i, j] = mean_error((denoised - images).square().flatten(1).mean(1).double().numpy())
    where = {"split": ["train", "held out"], "sigma": list(sigmas)}
    mse = estimates(("split", "sigma"), mse=(errors[..., 0], errors[..., 1]))
    return xr.Dataset({**mse, "loss": run.history[-1]["loss"], "parameters": made.n_parameters}, where)
