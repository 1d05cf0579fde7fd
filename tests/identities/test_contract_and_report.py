"""Unfit callables are refused before any identity runs, and a report says what broke, where and why."""

from functools import cache

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, DenoiserContractError, IdentityViolation, UnknownNameError
from idealscore.theory import (
    MixtureDenoiser,
)
from idealscore.theory.identities import IDENTITIES, Report, assert_identities, check
from idealscore.theory.identities.averages import AVERAGE
from idealscore.theory.identities.pointwise import LOCAL
from idealscore.theory.identities.symbols import p, p0
from idealscore.theory.identities.with_density import DENSITY

EXACT = [identity.name for identity in (*LOCAL, *DENSITY)]
AVERAGED = [identity.name for identity in AVERAGE]
MEANS = torch.tensor([[2.0, 0.4], [-1.0, 0.7], [0.0, -1.5]], dtype=torch.float64)
TRUE = MixtureDenoiser([0.3, 0.3, 0.4], MEANS, [0.2, 0.2, 0.05])
PRIOR = cache(TRUE.sample)
LEVEL = 0.8


# --- the contract ---------------------------------------------------------------------------------------------


class Dropout(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x, sigma):
        return TRUE(x, sigma) * (1 + 0.01 * torch.randn(x.shape, generator=self.generator, dtype=x.dtype))


UNFIT = {
    "cannot be called": "no function",
    "raises ValueError": lambda x, s: (_ for _ in ()).throw(ValueError("nothing here")),
    "returns a ndarray": lambda x, s: TRUE(x, s).numpy(),
    "changes the shape": lambda x, s: TRUE(x, s)[:, :1],
    "changes the dtype": lambda x, s: TRUE(x, s).float(),
    "changes the device": lambda x, s: TRUE(x, s).to("meta"),
    "returns NaN": lambda x, s: TRUE(x, s) * float("nan"),
    "writes into its input": lambda x, s: x.mul_(0.5),
    "not deterministic": Dropout(),
    "other samples": lambda x, s: TRUE(x, s) - TRUE(x, s).mean(0),
    "tensor (batch,)": lambda x, s: TRUE(x, torch.as_tensor(s).flatten()[:1]),
    "ignores sigma": lambda x, s: TRUE(x, 1.0),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_unfit_callable_is_named_before_any_identity_runs(fault, monkeypatch):
    from idealscore.theory.identities import identity

    monkeypatch.setattr(identity.Identity, "check", lambda *_: pytest.fail("an identity ran"))
    with pytest.raises(DenoiserContractError, match=f"denoiser: .*{fault.replace('(', '[(]').replace(')', '[)]')}"):
        assert_identities(UNFIT[fault], (2,), [LEVEL])


def test_a_point_mass_may_ignore_sigma():
    centre = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    assert_identities(lambda x, s: centre.expand_as(x) + 0 * x, (2,), [0.5])


def test_bad_arguments_are_named():
    x = torch.zeros(2, 2, dtype=torch.float64)
    with pytest.raises(ArgumentError, match="sigmas"):
        assert_identities(TRUE, (2,), [-1.0])
    with pytest.raises(ArgumentError, match="event_shape"):
        assert_identities(TRUE, (0,), [1.0])
    with pytest.raises(UnknownNameError, match=r"twedie.*did you mean 'tweedie'"):
        check(TRUE, x, 1.0, identities=["twedie"])
    with pytest.raises(ArgumentError, match="prior"):
        check(TRUE, x, 1.0, prior=lambda n, seed: torch.zeros(n, 3), identities=["mean"])


# --- the report -----------------------------------------------------------------------------------------------


def test_failure_says_what_where_how_much_and_why():
    with pytest.raises(IdentityViolation) as caught:
        assert_identities(
            lambda x, s: TRUE(x, torch.as_tensor(s, dtype=x.dtype) * 2**0.5),
            (2,),
            [0.5, 1.0],
            log_density=TRUE.log_density,
            identities=["symmetry", "tweedie"],
        )
    message = str(caught.value)
    for part in (
        "1 of 2 identities broken: tweedie",
        "at sigma 0.5, point",
        "residual",
        "allowed",
        "factor two too much",
    ):
        assert part in message
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value.report, Report) and caught.value.report.headline == "tweedie"


def test_what_is_not_known_is_not_checked():
    report = check(TRUE, torch.zeros(2, 2, dtype=torch.float64), 1.0, every_sigma=False)
    skipped = {f.identity: f.where for f in report if f.verdict == "not applicable"}
    assert {"tweedie", "mean", "equivariance", "high_noise_limit"} <= set(skipped)
    assert skipped["i_mmse"] == "needs log_density, prior"


def test_report_as_a_dataset():
    report = assert_identities(TRUE, (2,), [0.5, 1.0], identities=["symmetry", "positivity"])
    dataset = report.to_dataset()
    assert dataset["size"].dims == ("identity", "sigma") and dataset.sizes == {"identity": 2, "sigma": 2}
    assert float(dataset["size"].max()) < 1e-12


def test_the_size_of_a_violation_is_the_relative_asymmetry():
    """D = (S + A) x: the size of `symmetry` is |J - J^T| / |J| up to the spread of the probes."""
    rng = np.random.default_rng(0)
    matrix = torch.from_numpy(rng.standard_normal((40, 40)))
    wanted = float((matrix - matrix.T).norm() / matrix.norm())
    report = check(
        lambda x, s: x @ matrix.T / (1 + torch.as_tensor(s, dtype=x.dtype).reshape(-1, 1)),
        torch.from_numpy(rng.standard_normal((8, 40))),
        1.0,
        identities=["symmetry", "curl_free"],
        n_probes=64,
    )
    for finding in report:
        assert abs(finding.size - wanted) < 5 * finding.size_stderr + 1e-3
        assert finding.broken


def test_probes_stand_in_for_dense_jacobians():
    """300 dimensions: above the dense limit the trace and the Laplacian are estimated, with an error."""
    variances = torch.linspace(0.1, 3.0, 300, dtype=torch.float64)
    means = torch.stack([variances, -variances]) / 10
    denoiser = MixtureDenoiser([0.4, 0.6], means, torch.stack([variances, variances]))
    report = assert_identities(
        denoiser, (300,), [0.5], prior=denoiser.sample, log_density=denoiser.log_density, n_samples=256
    )
    assert {f.identity for f in report if f.stderr > 0} >= {"denoiser_equation", "heat_equation", "probability_flow"}
    wrong = check(
        lambda x, s: denoiser(x, torch.as_tensor(s, dtype=x.dtype) ** 2),
        denoiser.sample(4, 1),
        0.5,
        identities=["denoiser_equation"],
    )
    assert wrong.broken


def test_without_a_graph_derivatives_are_differences():
    silent = lambda x, s: torch.no_grad()(TRUE)(x, s)  # noqa: E731
    names = ["derivative", "symmetry", "positivity", "denoiser_equation", "tweedie_second_order", "heat_equation"]
    points = PRIOR(3, 5) + 1.5
    report = check(silent, points, 1.5, log_density=TRUE.log_density, identities=names)
    assert [f.verdict for f in report] == ["not applicable", *["holds"] * 5]


def test_density_statement_letters():
    assert IDENTITIES["tweedie"].latex() == (
        r"D{\left(x,\sigma \right)} = \sigma^{2} \frac{\partial}{\partial x} "
        r"\log{\left(p{\left(x,\sigma \right)} \right)} + x"
    )
    assert p0 != p
