"""The catalogue of identities, from the most specific to the most general."""

from __future__ import annotations

from .averages import AVERAGE
from .identity import Identity
from .pointwise import LOCAL
from .with_density import DENSITY

IDENTITIES: dict[str, Identity] = {identity.name: identity for identity in (*LOCAL, *DENSITY, *AVERAGE)}
