"""Random features that learn to denoise, by gradient flow without a step: when do they memorise?"""

from ._gradient_flow import gradient_flow as gradient_flow
