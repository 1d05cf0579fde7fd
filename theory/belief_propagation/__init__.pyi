"""Belief propagation on the tree of a grammar: every node's exact posterior, the optimal hierarchical denoiser."""

from .channels import CHANNELS as CHANNELS
from .channels import LeafChannel as LeafChannel
from .channels import gaussian as gaussian
from .channels import masking as masking
from .channels import one_hot as one_hot
from .exact import BeliefPropagation as BeliefPropagation
from .filtered import FilteredDenoiser as FilteredDenoiser
from .filtered import FilteredPropagation as FilteredPropagation
from .filtered import path_marginals as path_marginals
from .hierarchical import HierarchicalDenoiser as HierarchicalDenoiser
