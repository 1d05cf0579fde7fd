"""The trainable denoisers by name, and their making from plain data."""

from ._build import NETWORKS as NETWORKS
from ._build import build as build
from .base import NetworkConfig as NetworkConfig
from .base import NetworkDenoiser as NetworkDenoiser
from .ensemble import EnsembleDenoiser as EnsembleDenoiser
from .hierarchy import HierarchyNet as HierarchyNet
from .linear import LinearDenoiser as LinearDenoiser
from .local import LocalNet as LocalNet
from .mlp import MLPDenoiser as MLPDenoiser
from .preconditioning import Preconditioning as Preconditioning
from .unet import UNetDenoiser as UNetDenoiser
