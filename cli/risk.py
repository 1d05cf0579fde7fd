"""`idealscore risk DATA`: before training, how many copies to expect, and what would halve them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import tyro

from ..compare.risk._copy_law import CopyLaw
from ..compare.risk._memorisation_risk import memorisation_risk
from ..compare.risk._risk_page import risk_report, rows, sentence
from ..compare.risk.plan import RiskPlan
from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions
from ._network import network_of, one_class, tell_what_is_wrong


@dataclass(frozen=True)
class Command(DataOptions, RiskPlan):
    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    model: str = ""
    """trained on these images; its copies are measured: run folder, .safetensors, pipeline or hf:OWNER/NAME"""
    condition: str = ""
    """class of the samples, of a network with classes, such as 3"""
    trust: bool = False
    """run the code of package.module:function, and only of that"""
    held_out: str = ""
    """images that the network has never seen, for the null (default: each training image against the others)"""
    law: str = ""
    """regimes.nc of `idealscore regimes`, whose networks set the clock (default: those of the digits)"""
    out: str = ""
    """folder of risk.nc and risk.html (default: risk-DATA)"""
    json: bool = False
    """print the numbers as JSON"""

    def run(self) -> None:
        from .._support import results as _results
        from ..paper_figs.catalogue import saved

        out = Path(self.out or f"risk-{Path(self.data).stem}")
        plan = RiskPlan(**{field.name: getattr(self, field.name) for field in fields(RiskPlan)})
        measured = _results.load(Path(self.law)) if self.law else saved("regime_map")
        law = CopyLaw.fit(measured)
        data = load_data(self.data, self, self.json)
        network = None
        if self.model:
            from ..learned._classes import class_of
            from ..theory.denoiser import with_condition

            label = one_class(self.condition, None)
            network = network_of(self.model, trust=self.trust)
            number = None if label is None else class_of(network, label, data)
            tell_what_is_wrong(network, data, number, self.seed)
            network = network if number is None else with_condition(network, number)
        held_out = load_data(self.held_out, self, True) if self.held_out else None
        result = memorisation_risk(data, law, plan, network=network, held_out=held_out)
        text = risk_report(result, out)
        if self.json:
            import json

            numbers = {str(name): float(value) for name, value in result.data_vars.items()}
            print(json.dumps({"numbers": numbers, "rows": rows(result), "sentence": sentence(result)}, indent=2))
        else:
            print(text)
            print(f"\nwritten: {out / 'risk.nc'}, {out / 'risk.html'}")
