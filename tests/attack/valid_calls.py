"""Valid calls of every public function and class: those that the examples of its docstring make.

The examples run (tests/house/test_doctests.py), so what they pass is valid, and what they lack is missing here too.
"""

import contextlib
import doctest
import inspect
import io
import sys
import warnings
from importlib import import_module
from typing import Any

import torch

from checkout import MODULES

LAYERS = ("theory", "simulate", "learned", "compare", "sweeping")
FACES = [name for name in MODULES if hasattr(import_module(name), "__path__") and name.split(".")[1] in LAYERS]

REFERENCE = "a literal formula in ten lines, the oracle of the tests: it checks nothing"
RECORD = "a record that the package fills: it holds what it is given"
ABSTRACT = "abstract: never called"
EXEMPT = {
    "theory.dimension.reference": REFERENCE,
    "theory.finite_sample.reference": REFERENCE,
    "theory.flow_matching.reference": REFERENCE,
    "theory.guidance.reference": REFERENCE,
    "theory.masked_diffusion.reference": REFERENCE,
    "theory.random_features.reference": REFERENCE,
    "theory.schedules.reference": REFERENCE,
    "theory.ClosedForm": ABSTRACT,
    "theory.Denoiser": ABSTRACT,
    "theory.belief_propagation.LeafChannel": ABSTRACT,
    "theory.Derivation": RECORD,
    "theory.Transition": RECORD,
    "theory.finite_sample.FiniteSampleErrors": RECORD,
    "theory.finite_sample.KurtosisFactor": RECORD,
    "theory.guidance.ClassShift": RECORD,
    "theory.guidance.GuidedShift": RECORD,
    "theory.guidance.GuidanceWindow": RECORD,
    "compare.measures.HandOver": RECORD,
    "learned.probes.CentreFit": RECORD,
    "learned.wrap.Identification": RECORD,
    "simulate.concepts.ConceptImages": RECORD,
    "simulate.percolation.Study": RECORD,
    "simulate.percolation.Sweep": RECORD,
    "simulate.percolation.ThresholdEstimate": RECORD,
    "theory.identities.Finding": RECORD,
    "theory.identities.Identity": RECORD,
    "theory.identities.MaskedIdentity": RECORD,
    "theory.identities.Report": RECORD,
    "theory.local.LocalEstimate": RECORD,
    "theory.percolation.Exponent": RECORD,
    "theory.percolation.Exponents": RECORD,
    "theory.percolation.Threshold": RECORD,
    "theory.percolation.WrappingProbabilities": RECORD,
    "theory.random_features.FeatureConstants": RECORD,
    "theory.random_features.TimeInterval": RECORD,
}

FEW = 4
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def public() -> dict[str, Any]:
    """Each public function and class once, by the deepest face that offers it: {"theory.guided_shift": ...}."""
    found: dict[int, tuple[str, Any]] = {}
    for face in sorted(FACES, key=lambda name: (name.count("."), name)):
        module = import_module(face)
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith("idealscore"):
                found[id(value)] = (f"{face.removeprefix('idealscore.')}.{name}", value)
    return dict(sorted(found.values()))


def _codes(value: Any) -> set[Any]:
    """The code that runs when `value` is called."""
    if inspect.isfunction(value):
        return {getattr(inspect.unwrap(value), "__code__", None)}
    return {getattr(vars(value).get(name), "__code__", None) for name in ("__init__", "__new__")} - {None}


def _run(examples: list[doctest.Example], space: dict[str, Any], code: Any, seen: list[dict[str, Any]]) -> None:
    """Run examples as they stand; `seen` gets the arguments of the first calls of `code`."""

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code is code and len(seen) < FEW:
            seen.append(dict(frame.f_locals))

    for example in examples:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sys.setprofile(watch)
            try:
                exec(compile(example.source, "<example>", "single"), space)  # our own docstring
            except Exception:  # an example that shows an error
                continue
            finally:
                sys.setprofile(None)
        if len(seen) == FEW:
            return


def valid_calls(value: Any) -> list[dict[str, Any]]:
    """The arguments by name of a few calls; an example may show an error, so that not each of them is valid."""
    module = inspect.getmodule(value)
    code = next(iter(_codes(value)), None)
    if code is None or module is None:
        return []
    names = [p.name for p in inspect.signature(value).parameters.values() if p.kind not in VARIADIC]
    seen: list[dict[str, Any]] = []
    own = doctest.DocTestFinder(recurse=False).find(value, globs={})
    others = doctest.DocTestFinder().find(module, globs={})
    with torch.random.fork_rng(devices=[]):
        for test in [*own, *others]:
            if seen:
                break
            _run(test.examples, dict(vars(module)), code, seen)
    return [{name: found[name] for name in names if name in found} for found in seen]
