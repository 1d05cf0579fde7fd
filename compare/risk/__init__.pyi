"""Before training: how many copies to expect of a data set, and how long training has to be for them."""

from ._copy_law import CopyLaw as CopyLaw
from ._memorisation_risk import memorisation_risk as memorisation_risk
from ._memorisation_times import memorisation_times as memorisation_times
from ._risk_page import risk_report as risk_report
from ._risk_page import risk_table as risk_table
from .plan import RiskPlan as RiskPlan
