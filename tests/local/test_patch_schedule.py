"""Patch sizes from the data alone: held-out denoising errors."""

from typing import Any

import numpy as np
import pytest
import torch

from idealscore import errors
from idealscore._support.streams import normal_batch
from idealscore.theory.local import LocalDenoiser, PatchSchedule

F64 = torch.float64


def smooth_images(n, seed=0, side=8):
    """Periodic images whose correlations fall with the distance, of variance 1."""
    noise = normal_batch(seed, "smooth images", range(n), (1, side, side))
    frequency = 2 * torch.pi * torch.fft.fftfreq(side, dtype=F64)
    power = 1 / (0.3 + 2 - frequency[:, None].cos() - frequency.cos()) ** 2
    images = torch.fft.ifft2(torch.fft.fft2(noise) * (power / power.mean()).sqrt()).real
    assert 0.2 < float(images.var()) < 5
    return images


def test_errors_are_those_of_the_denoiser_on_images_it_has_not_seen():
    """The held-out images are found by their errors: each row is recomputed from the drawn split."""
    from idealscore._support.streams import stream

    images = smooth_images(30)
    schedule = PatchSchedule.calibrate(images, [0.3, 2.0], [1, 3], n_held_out=6, seed=4, equivariant=False)
    order = stream(4, "held-out images").permutation(30)
    out, kept = sorted(order[:6]), sorted(order[6:])
    noise = normal_batch(4, "held-out noise", range(6), (1, 8, 8))
    assert schedule.error is not None and schedule.error_stderr is not None
    for i, sigma in enumerate((0.3, 2.0)):
        for j, size in enumerate((1, 3)):
            x = images[out] + sigma * noise
            missed = LocalDenoiser(images[kept], size, False).reference(x, sigma) - images[out]
            per_image = missed.square().flatten(1).mean(1)
            assert schedule.error[i, j] == pytest.approx(float(per_image.mean()), rel=1e-9)
            assert schedule.error_stderr[i, j] == pytest.approx(float(per_image.std()) / 6**0.5, rel=1e-9)
    assert schedule.n_held_out == 6 and schedule.cosine is None


def test_patches_grow_with_the_noise_and_do_not_without_correlations():
    sigmas = [0.02, 0.3, 3.0]
    images = smooth_images(150)
    schedule = PatchSchedule.calibrate(images, sigmas, equivariant=False)
    assert schedule.candidates.tolist() == [1, 3, 5, 7]
    assert schedule.sizes[0] < schedule.sizes[-1] and (np.diff(schedule.sizes) >= 0).all()
    independent = normal_batch(0, "independent pixels", range(150), (1, 8, 8))
    control = PatchSchedule.calibrate(independent, [0.02, 0.3, 1.0], equivariant=False)  # negative control
    assert control.sizes.tolist() == [1, 1, 1]
    assert LocalDenoiser(images, schedule, False)(images[:2], 0.1).shape == (2, 1, 8, 8)


def test_bad_requests_are_refused_before_any_work():
    images = smooth_images(5)
    wrong: list[Any] = [[2], [-1], [0], [17], [3.0]]
    for sizes in wrong:
        with pytest.raises(errors.ArgumentError, match="sizes"):
            PatchSchedule.calibrate(images, [1.0], sizes, n_held_out=2)
    with pytest.raises(errors.ArgumentError, match="sizes"):
        PatchSchedule.calibrate(images, [1.0], [], n_held_out=2)
    with pytest.raises(errors.ArgumentError, match="n_held_out"):
        PatchSchedule.calibrate(images, [1.0], n_held_out=5)
    with pytest.raises(errors.EmptyDataError, match="data"):
        PatchSchedule.calibrate(images[:1], [1.0])
    with pytest.raises(errors.NoiseLevelError, match="sigmas"):
        PatchSchedule.calibrate(images, [0.0, 1.0], n_held_out=2)
