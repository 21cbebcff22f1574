"""Training the model: what it practises on, what it is asked, and the loop.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.training.saved import load_model as load_model
    from genret.training.settings import ModelSettings as ModelSettings
    from genret.training.settings import TrainSettings as TrainSettings
    from genret.training.trainer import save_model as save_model
    from genret.training.trainer import train_model as train_model

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "ModelSettings": "genret.training.settings",
        "TrainSettings": "genret.training.settings",
        "load_model": "genret.training.saved",
        "save_model": "genret.training.trainer",
        "train_model": "genret.training.trainer",
    },
)
