"""The local dimension of data in closed form: circle, Gaussian, subspace, and what noised points give."""

from ._circle_dimension import circle_dimension as circle_dimension
from ._gaussian_dimension import gaussian_dimension as gaussian_dimension
from ._gaussian_dimension import gaussian_mean_dimension as gaussian_mean_dimension
from ._gaussian_dimension import subspace_dimension as subspace_dimension
from ._reference import reference as reference
