"""Identities that every optimal denoiser obeys, and the kit that tests them."""

from ._check import assert_identities as assert_identities
from ._check import check as check
from .catalogue import IDENTITIES as IDENTITIES
from .contract import check_contract as check_contract
from .finding import Finding as Finding
from .identity import Identity as Identity
from .masked import MASKED_IDENTITIES as MASKED_IDENTITIES
from .masked import MaskedIdentity as MaskedIdentity
from .masked import check_masked as check_masked
from .report import Report as Report
from .symbols import on_prior as on_prior
from .symmetry import Symmetry as Symmetry
