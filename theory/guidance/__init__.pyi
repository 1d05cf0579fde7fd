"""Guidance in closed form: what it does to mean and spread of a class, and at which noise levels it acts."""

from ._class_shift import ClassShift as ClassShift
from ._class_shift import class_shift as class_shift
from ._guided_shift import GuidedShift as GuidedShift
from ._guided_shift import guided_shift as guided_shift
from ._guided_shift import shift_share as shift_share
from ._reference import reference as reference
from ._window import GuidanceWindow as GuidanceWindow
from ._window import guidance_window as guidance_window
