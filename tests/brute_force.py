"""Random worlds for the tests of closed forms, whose literal formulas are their own `reference`."""

import numpy as np
import torch


def random_covariance(rng, d, rank=None):
    factor = rng.normal(size=(d, rank or d))
    return factor @ factor.T / d


def tensor(array):
    return torch.as_tensor(np.asarray(array, dtype=np.float64))
