"""Training: one network or an ensemble in one pass, with objectives, presets and resumable run folders."""

from .bumps import BumpRecipe as BumpRecipe
from .bumps import encode_centres as encode_centres
from .config import TrainConfig as TrainConfig
from .cost import estimate as estimate
from .ensemble import EnsembleTraining as EnsembleTraining
from .ensemble import train_ensemble as train_ensemble
from .ensemble import train_groups as train_groups
from .masked import train_masked as train_masked
from .objective import Levels as Levels
from .objective import LogNormal as LogNormal
from .objective import LogUniform as LogUniform
from .objective import Steps as Steps
from .objective import noise_from_text as noise_from_text
from .presets import preset as preset
from .single import Snapshots as Snapshots
from .single import Training as Training
from .single import train as train
