"""Valid calls of every public function and class: those that the examples of its docstring make, or by_hand.py.

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
from by_hand import CALLS

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
    "learned.networks.NetworkDenoiser": ABSTRACT,
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

NAN_MEANS = {
    "simulate.bumps.bump_images.centres": "an absent coordinate",
    "learned.training.encode_centres.centres": "an absent coordinate",
    "theory.local.PatchSchedule.cosine": "a size that was not tried",
    "theory.local.PatchSchedule.error": "a size that was not tried",
    "theory.local.PatchSchedule.error_stderr": "a size that was not tried",
    "compare.concepts.crossing_time.curve": "an unknown point, which no passage lies next to",
    "compare.measures.mean_crossing.y": "an unknown point, which no passage lies next to",
    "compare.measures.power_law.y": "a point that was not found, which the fit leaves out",
    "compare.measures.power_law.y_stderr": "an error that is not known, which counts as none",
}
NAN_ANSWERS = {
    "learned.probes.fit_centres": "there is no bump in the image",
    "compare.concepts.crossing_time": "the curve does not get there",
    "compare.concepts.composition": "the curve does not get there",
    "compare.measures.mean_crossing": "the curve does not get there",
    "compare.transitions.feature_survival": "the similarity does not fall that far at these noise levels",
    "compare.measures.memorisation": "the relative distance of an image of zeros is infinite, and has no error",
    "compare.measures.power_law": "there are fewer than two points",
    "compare.transitions.measured_transitions": "the measured curve does not fall that far at these noise levels",
    "compare.transitions.null_transitions": "the data or a null do not have this transition",
    "simulate.random_features.gradient_flow": "the gap does not rise to half of its end within the times",
}
ALIASES = {"learned.data.load.source": "data", "learned.load_network.source": "path"}
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


def _code(value: Any) -> Any:
    """The code that runs when `value` is called; None where it is not Python's."""
    makers = [value] if inspect.isfunction(value) else [value.__init__, value.__new__]
    codes = (getattr(inspect.unwrap(maker), "__code__", None) for maker in makers)
    return next((code for code in codes if code is not None), None)


def _run(examples: list[doctest.Example], space: dict[str, Any], value: Any, seen: list[dict[str, Any]]) -> None:
    """Run examples as they stand; `seen` gets the arguments of the first calls of `value`."""
    code = _code(value)

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code is code and len(seen) < FEW:
            given = dict(frame.f_locals)
            if not inspect.isclass(value) or type(given.get("self")) is value or "self" not in given:
                seen.append(given)

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


def valid_calls(value: Any, name: str = "") -> list[dict[str, Any]]:
    """The arguments by name of a few calls; an example may show an error, so that not each of them is valid."""
    if name in CALLS:
        return [CALLS[name]()]
    module = inspect.getmodule(value)
    if module is None or _code(value) is None:
        return []
    names = [p.name for p in inspect.signature(value).parameters.values() if p.kind not in VARIADIC]
    seen: list[dict[str, Any]] = []
    own = doctest.DocTestFinder(recurse=False).find(value, globs={})
    others = doctest.DocTestFinder().find(module, globs={})
    with torch.random.fork_rng(devices=[]):
        for test in [*own, *others]:
            if seen:
                break
            _run(test.examples, dict(vars(module)), value, seen)
    unset = "_HAS_DEFAULT_FACTORY_CLASS"  # what a dataclass passes where a field was left out
    return [
        {name: found[name] for name in names if name in found and type(found[name]).__name__ != unset} for found in seen
    ]
