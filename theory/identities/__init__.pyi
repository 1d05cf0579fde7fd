"""Identities that every optimal denoiser obeys, and the kit that tests them."""

from ._check import IDENTITIES as IDENTITIES
from ._check import Report as Report
from ._check import assert_identities as assert_identities
from ._check import check as check
from .averages import AVERAGE as AVERAGE
from .case import Symmetry as Symmetry
from .contract import check_contract as check_contract
from .pointwise import LOCAL as LOCAL
from .symbols import normal as normal
from .symbols import on_prior as on_prior
from .symbols import p as p
from .symbols import p0 as p0
from .symbols import sigma as sigma
from .symbols import x as x
from .symbols import y as y
from .with_density import DENSITY as DENSITY
