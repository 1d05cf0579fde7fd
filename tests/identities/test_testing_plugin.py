"""The plugin: registered, light at start, and inherited tests that pass, fail and skip as they should."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch

import idealscore
from idealscore.errors import IdentityViolation
from idealscore.testing import DenoiserTests
from idealscore.theory import GaussianDenoiser

GAUSSIAN = GaussianDenoiser(torch.tensor([1.0, -1.0]).double(), torch.diag(torch.tensor([2.0, 0.5]).double()))

USER_FILE = """
import torch
from idealscore.testing import DenoiserTests
from idealscore.theory import GaussianDenoiser

TRUE = GaussianDenoiser(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))


class TestRight(DenoiserTests):
    event_shape = (2,)
    sigmas = (0.5,)
    identities = ("symmetry", "tweedie", "nishimori", "equivariance")
    options = {"n_samples": 256}

    def denoiser(self):
        return TRUE

    def prior(self, n, seed):
        return TRUE.sample(n, seed)

    def log_density(self, x, sigma):
        return TRUE.log_density(x, sigma)


class TestWrong(TestRight):
    def denoiser(self):
        return lambda x, sigma: 0.6 * TRUE(x, sigma)


class TestUnfit(TestRight):
    identities = ("symmetry",)

    def denoiser(self):
        return lambda x, sigma: x.float()


def test_fixture(assert_denoiser):
    assert_denoiser(TRUE, (2,), [1.0], identities=["symmetry"])
"""


class TestGaussian(DenoiserTests):
    """The base class on a closed form: every identity that applies holds."""

    event_shape = (2,)
    sigmas = (0.3, 2.0)
    options = {"n_samples": 256, "batch": 2, "n_probes": 2}  # noqa: RUF012

    def denoiser(self):
        return GAUSSIAN

    def prior(self, n, seed):
        return GAUSSIAN.sample(n, seed)

    def log_density(self, x, sigma):
        return GAUSSIAN.log_density(x, sigma)


def test_fixture_raises_on_a_wrong_denoiser(assert_denoiser):
    with pytest.raises(IdentityViolation, match="tweedie"):
        assert_denoiser(lambda x, s: 0.9 * GAUSSIAN(x, s), (2,), [1.0], log_density=GAUSSIAN.log_density)


def test_base_class_asks_for_a_denoiser():
    with pytest.raises(NotImplementedError, match="denoiser"):
        DenoiserTests().denoiser()


def test_entry_point_is_declared():
    pyproject = Path(idealscore.__file__).parent / "pyproject.toml"
    if pyproject.exists():
        declared = tomllib.loads(pyproject.read_text())["project"]["entry-points"]["pytest11"]
        assert declared == {"idealscore": "idealscore.testing"}
    assert "idealscore.testing" in {point.value for point in entry_points(group="pytest11", name="idealscore")}


def test_loading_the_plugin_loads_no_torch():
    code = (
        "import sys, idealscore.testing; print([m for m in ('torch', 'numba', 'sympy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_user_inherits_tests(tmp_path):
    (tmp_path / "test_mine.py").write_text(USER_FILE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-rs",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:zarr",
        "test_mine.py",
    ]
    with_assertions = {name: value for name, value in os.environ.items() if name != "PYTHONOPTIMIZE"}
    done = subprocess.run(command, cwd=tmp_path, env=with_assertions, capture_output=True, text=True, timeout=300)
    report = done.stdout
    assert done.returncode == 1, report + done.stderr
    for line in (
        "TestRight::test_identity[tweedie-sigma=0.5] PASSED",
        "TestRight::test_identity[equivariance-sigma=0.5] SKIPPED",
        "needs symmetry",
        "TestWrong::test_contract PASSED",
        "TestWrong::test_identity[symmetry-sigma=0.5] PASSED",
        "TestWrong::test_identity[tweedie-sigma=0.5] FAILED",
        "TestWrong::test_identity[nishimori-sigma=0.5] FAILED",
        "TestUnfit::test_contract FAILED",
        "test_fixture PASSED",
        "usual cause: the denoiser is 0.6 times the true one (this reproduces the answers)",
        "changes the dtype from torch.float64 to torch.float32",
    ):
        assert line in report, report
