"""Dense float64 references and random worlds for the tests of closed forms."""

import math

import numpy as np
import torch


def dense_gaussian(mean, covariance, x, sigma):
    """mu + C (C + sigma^2)^-1 (x - mu) with one least-squares solve per call, through the pseudo-inverse at 0."""
    d = mean.size
    inverse = np.linalg.pinv(covariance + sigma**2 * np.eye(d), rcond=1e-13, hermitian=True)
    return mean + (x - mean) @ inverse @ covariance


def dense_mixture(weights, means, covariances, x, sigma):
    """Posterior mean and log density by summing over components with solves and slogdets."""
    logs, posteriors = [], []
    for weight, mean, covariance in zip(weights, means, covariances):
        total = covariance + sigma**2 * np.eye(mean.size)
        u = x - mean
        solved = np.linalg.solve(total, u.T).T
        logdet = np.linalg.slogdet(total)[1]
        logs.append(np.log(weight) - 0.5 * ((u * solved).sum(1) + logdet + mean.size * math.log(2 * math.pi)))
        posteriors.append(mean + solved @ covariance)
    logs = np.stack(logs, 1)
    peak = logs.max(1, keepdims=True)
    share = np.exp(logs - peak)
    log_density = peak[:, 0] + np.log(share.sum(1))
    share /= share.sum(1, keepdims=True)
    return np.einsum("bk,kbd->bd", share, np.stack(posteriors)), log_density


def random_covariance(rng, d, rank=None):
    factor = rng.normal(size=(d, rank or d))
    return factor @ factor.T / d


def tensor(array):
    return torch.as_tensor(np.asarray(array, dtype=np.float64))
