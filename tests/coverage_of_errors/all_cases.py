"""All cases, from the modules that register them."""

import experiment_cases
import fit_cases
import measure_cases
import simulation_cases
import theory_cases
from repeats import CASES

__all__ = ["CASES", "experiment_cases", "fit_cases", "measure_cases", "simulation_cases", "theory_cases"]
