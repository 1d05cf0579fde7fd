"""Every example in a docstring runs, and every citation key has an entry."""

import doctest
import re
import sys
from importlib import import_module

import pytest

from idealscore._support.citations import KEY, bibliography

from checkout import MODULES, python_files


@pytest.fixture(autouse=True)
def closed():
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.sampled(0.35, "idealscore")
@pytest.mark.parametrize("name", ["idealscore", *MODULES])
def test_examples(name):
    result = doctest.testmod(import_module(name), raise_on_error=False, verbose=False)
    assert result.failed == 0


def test_every_citation_key_is_in_the_bibliography():
    used = {key for path in python_files() for key in KEY.findall(path.read_text())}
    assert used - {"Key"} <= set(bibliography())


def test_bibtex_braces_balance():
    for key, entry in bibliography().items():
        assert entry.count("{") == entry.count("}"), key
        assert re.match(r"@\w+\{\w+,", entry), key


def test_theories_metrics_and_figures_are_citable():
    from idealscore import cite, compare, theory
    from idealscore.paper_figs import catalogue

    named = (theory.HierarchyTheory, theory.posterior_covariance, theory.EmpiricalDenoiser, theory.speciation)
    for thing in (*named, compare.track, compare.linearity, compare.learning_curves):
        assert "@" in cite(thing)
    for name in catalogue.names():
        assert "@" in cite(catalogue.figure_module(name))
