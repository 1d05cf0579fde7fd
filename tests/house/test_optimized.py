"""Python without assert and without docstrings (-OO): all modules import, and what needs a docstring says so."""

import subprocess
import sys

import pytest

from checkout import MODULES

CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from idealscore import cite
from idealscore.errors import ArgumentError
from idealscore.paper_figs import catalogue
from idealscore.theory.gaussian import GaussianDenoiser
assert False  # not read
for name in catalogue.names():
    catalogue.summary(name)
try:
    cite(GaussianDenoiser)
except ArgumentError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_docstrings():
    command = [sys.executable, "-OO", "-W", "error", "-c", CODE, *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "-OO" in done.stdout and "GaussianDenoiser" in done.stdout
