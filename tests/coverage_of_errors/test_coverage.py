"""The stated errors of the package cover the truth as they should; the numbers are on the page on errors."""

import ast

import coverage_table
import numpy as np
import pytest
from all_cases import CASES
from repeats import HIGH, LOW, Case, run

from checkout import ROOT

NO_ESTIMATES = {
    "records",
    "to_dataframe",
    "table",
    "summary",
    "to_dataset",
    "at",
    "share",
    "images",
    "fit",
    "steps_per_image",
}
"""Functions that hand on the errors of others, and methods of `CopyLaw` and `OnsetLaw`, which stand there by class."""


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_value_and_error_cover_the_truth(name, capsys):
    chosen = CASES[name]
    found = run(chosen)
    with capsys.disabled():
        for one in found:
            print(f"\n{name}: {one.quantity}: {one.share:.3f} of {one.n}, bias {one.bias:+.2f}, ratio {one.ratio:.2f}")
    for one in found:
        low, high = chosen.bounds(one.quantity)
        assert one.n >= 0.9 * chosen.repeats, one
        assert low <= one.share <= high, one


def test_the_page_holds_the_table_of_what_was_measured():
    found = coverage_table.kept()
    assert len(found) > 30 and set(found) <= set(CASES), "run tests/coverage_of_errors/coverage_table.py"
    assert coverage_table.page_with(coverage_table.PAGE.read_text(), found) == coverage_table.PAGE.read_text()
    off = [
        (name, one.quantity, one.share)
        for name, rows in found.items()
        for one in rows
        if not CASES[name].bounds(one.quantity)[0] <= one.share <= CASES[name].bounds(one.quantity)[1]
    ]
    assert not off


def with_an_error():
    """The public functions whose docstrings promise an error."""
    for layer in ("theory", "simulate", "learned", "compare"):
        for path in (ROOT / layer).rglob("*.py"):
            functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
            for node in functions:
                text = ast.get_docstring(node) or ""
                if not node.name.startswith("_") and ("_stderr`" in text or "stderr :" in text):
                    yield node.name


def test_each_function_with_an_error_is_on_the_page():
    page = coverage_table.PAGE.read_text()
    promised = sorted(set(with_an_error()) - NO_ESTIMATES)
    assert len(promised) > 30
    assert not [name for name in promised if name not in page]


def means(factor, shift=0.0):
    """Means of ten normal numbers, whose stated errors are `factor` times the right ones."""

    def measure(seed):
        values = np.random.default_rng(seed).standard_normal(30)
        return {"mean": (values.mean() + shift, factor * values.std(ddof=1) / len(values) ** 0.5)}

    return Case("means", measure, lambda: {"mean": 0.0}, "0")


def test_a_right_error_passes():
    assert LOW <= run(means(1.0))[0].share <= HIGH


@pytest.mark.parametrize("wrong", [means(0.7), means(1.5), means(1.0, shift=0.25)], ids=["small", "large", "biased"])
def test_a_wrong_error_is_noticed(wrong):
    assert not LOW <= run(wrong)[0].share <= HIGH
