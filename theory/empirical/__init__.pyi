"""The optimum that memorises: the exact posterior mean over a training set, in memory, on disk or over ranks."""

from .optimum import EmpiricalDenoiser as EmpiricalDenoiser
