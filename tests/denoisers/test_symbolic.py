"""Each derivation is carried out anew, its checks vanish, and its result agrees with the package's numbers."""

import json

import pytest
import sympy as sp

from idealscore import cite
from idealscore.cli import main
from idealscore.errors import UnknownNameError
from idealscore.theory import HierarchyTheory, symbolic
from idealscore.theory.symbolic import DERIVATIONS, derive


@pytest.fixture(scope="module")
def derivations():
    return {name: derive(name) for name in DERIVATIONS}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_derivation_checks_vanish_and_print(name, derivations):
    derivation = derivations[name]
    assert derivation.name == name
    assert derivation.checks and all(check == 0 for check in derivation.checks)
    assert derivation.latex().count(r"\text{") == len(derivation.steps)
    assert str(derivation).startswith("1. ")
    assert f"{{{derivation.reference}," in cite(symbolic)


def test_hierarchy_agrees_with_the_numerical_map(derivations):
    p, v, m = sp.symbols("p v m", positive=True)
    s = sp.Symbol("s", integer=True, positive=True)
    theory = HierarchyTheory(8, 3, 2)
    steps = dict(derivations["hierarchy"].steps)
    upward = steps["so the belief in the truth one level up is"].rhs
    for belief in (0.2, 0.55, 0.9):
        assert float(upward.subs({p: belief, v: 8, m: 3, s: 2})) == pytest.approx(
            float(theory.upward(belief)), rel=1e-12
        )
    values = {v: 8, m: 3}
    assert derivations["hierarchy"].result.rhs.subs(values) == sp.Rational(2, 5)
    assert float(steps["reached at the noise"].rhs.subs(values)) == pytest.approx(0.685714, abs=1e-6)
    assert float(steps["its slope at the fixed point between"].rhs.subs(values)) == pytest.approx(1.22449, abs=1e-5)


def test_bethe_agrees_with_a_recursion(derivations):
    p = sp.Symbol("p", positive=True)
    giant = derivations["bethe"].result.rhs
    for occupied in (0.55, 0.7, 0.95):
        finite = 0.0
        for _ in range(3000):
            finite = 1 - occupied + occupied * finite**2
        assert float(giant.subs(p, occupied)) == pytest.approx(occupied * (1 - finite**3), abs=1e-9)


def test_speciation_and_wiener_in_numbers(derivations):
    top = sp.Symbol("Lambda", positive=True)
    assert float(derivations["speciation"].result.rhs.subs(top, 256)) == pytest.approx(2.772589, abs=1e-6)
    x, mu = sp.symbols("x mu", real=True)
    variance, sigma = sp.symbols("lambda sigma", positive=True)
    denoised = derivations["wiener"].result.rhs.subs({x: 3, mu: 1, variance: 4, sigma: 1})
    assert denoised == 1 + sp.Rational(4, 5) * 2


def test_cosines_agree_with_the_steps_of_the_sampler(derivations):
    from idealscore.theory.schedules import reference

    steps = dict(derivations["cosines"].steps)
    theta, after = sp.symbols("theta theta'", positive=True)
    c, sigma, end = 2.5, 3.0, 0.7
    angles = {theta: sp.atan(sigma / sp.sqrt(c)), after: sp.atan(end / sp.sqrt(c))}
    exact = (c + end**2) ** 0.5
    heun = steps["a Heun step over the exact one"].rhs
    for factor, solver in ((derivations["cosines"].result.rhs, "euler"), (heun, "heun")):
        assert exact * float(factor.subs(angles)) == pytest.approx(reference([c], [sigma, end], solver)[0], rel=1e-12)


def test_unknown_name_is_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'bethe'"):
        derive("bete")


def test_command_prints_steps_latex_and_citation(capsys):
    assert main(["derive", "wiener", "--cite"]) == 0
    printed = capsys.readouterr().out
    assert r"\begin{align*}" in printed and "@inproceedings{Li2024," in printed and "1. the log of prior" in printed
    assert main(["derive", "wiener", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["steps"]) == 6
    assert main(["derive", "nothing"]) == 2
    assert "name: unknown name 'nothing'" in capsys.readouterr().err
