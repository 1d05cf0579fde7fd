"""Ranges that meet, and inputs in the types of other libraries."""

from typing import Any

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule, NoiseLevel
from idealscore.compare import memorisation
from idealscore.errors import ArgumentError, DataWarning
from idealscore.learned.data import load
from idealscore.theory import MixtureDenoiser


def test_copies_in_bytes_are_not_called_new():
    training = load("digits").images[:300]
    copies = training[:20]
    assert float(memorisation(copies, training).copies[0]) == 1
    for samples in (((copies + 1) * 127.5).round().to(torch.uint8), (copies + 1) / 2, ((copies + 1) * 127.5).round()):
        with pytest.raises(ArgumentError, match="samples: are of the range"):
            memorisation(samples, training)
    noisy = copies + 0.3 * torch.randn(copies.shape, generator=torch.Generator().manual_seed(0))
    assert float(memorisation(noisy, training).copies[0]) == 0


def test_samples_below_the_range_of_the_training_are_doubted():
    """They may be those of a network that overshoots, or copies in another unit."""
    training = (load("digits").images[:100] + 1) / 2
    with pytest.warns(DataWarning, match=r"samples are of the range \[-1, 1\], training of \[0, 1\]"):
        memorisation(2 * training[:20] - 1, training)
    memorisation(training[:20] - 0.2, training)


def test_noise_levels_of_half_precision():
    assert NoiseLevel(torch.tensor(0.5, dtype=torch.bfloat16)).sigma == 0.5
    betas: Any = torch.linspace(1e-4, 0.02, 10).bfloat16()
    assert DiscreteSchedule(betas).n == 10


def test_a_mixture_of_named_classes():
    data = np.random.default_rng(0).normal(size=(8, 2))
    by_name, by_number = (MixtureDenoiser.fit(data, labels) for labels in (["b", "a"] * 4, [1, 0] * 4))
    assert torch.equal(by_name.means, by_number.means)
    with pytest.raises(ArgumentError, match="2 of 8 are -1"):
        MixtureDenoiser.fit(data, [0, 1, 0, 1, 0, 1, -1, -1])
