"""Training: one network or an ensemble in one pass, with objectives, presets and resumable run folders."""

from ._estimate import estimate as estimate
from ._train import Training as Training
from ._train import train as train
from .bumps import BumpRecipe as BumpRecipe
from .centre_code import encode_centres as encode_centres
from .config import TrainConfig as TrainConfig
from .ensemble import EnsembleTraining as EnsembleTraining
from .ensemble import train_ensemble as train_ensemble
from .ensemble import train_groups as train_groups
from .masked import train_masked as train_masked
from .noise_levels import Levels as Levels
from .noise_levels import LogNormal as LogNormal
from .noise_levels import LogUniform as LogUniform
from .noise_levels import Steps as Steps
from .presets import preset as preset
from .snapshots import Snapshots as Snapshots
