"""What every closed-form denoiser offers, as tests that a new one inherits in three lines:

class TestSurface(ClosedFormTests):
    def make(self):
        return GaussianDenoiser(torch.zeros(2), torch.eye(2))
"""

import inspect
import math

import pytest
import torch

from idealscore._support.streams import normal_batch
from idealscore.errors import ArgumentError, ShapeError
from idealscore.theory import score
from idealscore.theory.closed_form import ClosedForm

F64 = torch.float64


def points(denoiser, n=4, spread=2.0):
    """Some points around the mean of the data, float64."""
    mean = denoiser(torch.zeros(n, *denoiser.event_shape, dtype=F64, device=denoiser.device), math.inf)
    return mean + spread * normal_batch(0, "closed form", range(n), denoiser.event_shape, device=denoiser.device)


def has(denoiser, name):
    if not hasattr(denoiser, name):
        pytest.skip(f"{type(denoiser).__name__} has no {name}")
    return getattr(denoiser, name)


class ClosedFormTests:
    """`make()` gives the denoiser, in float64; `sigmas` are levels at which it is compared with its reference."""

    sigmas = (0.3, 1.0, 3.0)

    def make(self):
        raise NotImplementedError

    def test_surface_is_that_of_a_final_closed_form(self):
        kind = type(self.make())
        assert issubclass(kind, ClosedForm) and not inspect.isabstract(kind)
        assert getattr(kind, "__final__", False), "mark it with typing.final"
        ours = [base for base in kind.__mro__[1:] if base.__module__.startswith("idealscore")]
        for name, value in vars(kind).items():
            if (callable(value) or isinstance(value, property)) and name != "__init__":
                implemented = [b for b in ours if name in vars(b) and name not in getattr(b, "__abstractmethods__", ())]
                assert not implemented, f"{kind.__name__}.{name} overrides {implemented}"

    def test_surface_result_is_like_x(self):
        denoiser = self.make()
        x = points(denoiser)
        assert isinstance(denoiser.event_shape, tuple)
        for dtype in (torch.float32, F64):
            denoised = denoiser(x.to(dtype), 1.0)
            assert (denoised.shape, denoised.dtype, denoised.device) == (x.shape, dtype, x.device)
        with pytest.raises(ShapeError, match="x"):
            denoiser(torch.zeros(2, *denoiser.event_shape, 1, dtype=F64), 1.0)

    def test_surface_to_makes_a_new_one_and_leaves_this_one(self):
        denoiser = self.make()
        x = points(denoiser)
        printed, before = repr(denoiser), denoiser(x, 1.0)
        single = denoiser.to(torch.float32)
        assert type(single) is type(denoiser) and single is not denoiser
        assert single.event_shape == denoiser.event_shape and single.dtype in (torch.float32, None)
        assert repr(single) == printed.replace("float64", "float32")
        assert repr(denoiser) == printed and torch.equal(denoiser(x, 1.0), before)
        torch.testing.assert_close(single(x, 1.0), before, rtol=1e-3, atol=1e-4)
        same = denoiser.to(device="cpu", dtype=F64)
        assert repr(same) == printed
        torch.testing.assert_close(same(x, 1.0), before, rtol=1e-12, atol=1e-12)

    def test_surface_prints_one_line_that_says_what_it_is(self):
        denoiser = self.make()
        line = repr(denoiser)
        assert line.startswith(f"{type(denoiser).__name__}(") and "\n" not in line and len(line) <= 200
        assert f"event={denoiser.event_shape}" in line and line.endswith(f"{denoiser.device})")
        assert denoiser.dtype is None or ", float64, " in line
        assert str(denoiser) == line

    def test_surface_equals_its_reference(self):
        denoiser = self.make()
        x = points(denoiser)
        for sigma in self.sigmas:
            literal = denoiser.reference(x, sigma)
            assert literal.dtype == F64 and literal.shape == x.shape
            torch.testing.assert_close(denoiser(x, sigma), literal, rtol=1e-10, atol=1e-10)
        levels = torch.linspace(min(self.sigmas), max(self.sigmas), len(x), dtype=F64)
        torch.testing.assert_close(denoiser(x, levels), denoiser.reference(x, levels), rtol=1e-10, atol=1e-10)
        assert denoiser.reference(x.float(), 1.0).dtype == F64

    def test_surface_log_density_has_the_score_as_gradient(self):
        denoiser = self.make()
        log_density = has(denoiser, "log_density")
        x = points(denoiser).requires_grad_()
        value = log_density(x, 0.8)
        assert value.shape == (len(x),) and log_density(x.detach().float(), 0.8).dtype == torch.float32
        gradient = torch.autograd.grad(value.sum(), x)[0]
        torch.testing.assert_close(gradient, score(denoiser, x.detach(), 0.8), rtol=1e-8, atol=1e-8)

    def test_surface_samples_do_not_depend_on_how_many(self):
        denoiser = self.make()
        sample = has(denoiser, "sample")
        n = 2000
        many = sample(n, seed=1)
        assert many.shape == (n, *denoiser.event_shape) and many.dtype in (denoiser.dtype, F64)
        torch.testing.assert_close(sample(5, seed=1), many[:5], rtol=1e-12, atol=1e-12)
        assert not torch.allclose(sample(n, seed=2), many)
        with pytest.raises(ArgumentError, match="n:"):
            sample(0)

    def test_surface_samples_have_the_mean_that_is_seen_at_infinite_noise(self):
        denoiser = self.make()
        draws = has(denoiser, "sample")(4000, seed=3).double().flatten(1)
        mean = points(denoiser, 1, 0.0).flatten()
        error = (draws.std(0) / math.sqrt(len(draws))).clamp(min=1e-12)
        # 6.5 standard errors, normal by the central limit theorem: 8e-11 for each entry
        assert float(((draws.mean(0) - mean) / error).abs().max()) < 6.5
