"""Null data: a data set of which only the spectrum, the images' power spectra or the pixels' histograms are kept."""

from ._gaussian_null import gaussian_null as gaussian_null
from ._permuted_nulls import permuted_pixel_null as permuted_pixel_null
from ._permuted_nulls import shuffled_label_null as shuffled_label_null
from ._phase_null import phase_null as phase_null
