"""The saved results of the figures, one netCDF file each."""
