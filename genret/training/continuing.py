"""A trained model learns on, from its present weights, on a query log that came later.

What it practised before is practised beside the newer pairs, or it would be forgotten. Whether the result is better is
not asked here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from transformers import set_seed

from genret.data.records import Dataset
from genret.ground.errors import require
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.training.practice import OwnTeacher, log_examples, make_examples, newer_examples
from genret.training.settings import ModelSettings, TrainSettings
from genret.training.trainer import Corpus, Practice, Trained, practise


class Present(NamedTuple):
    """The model as it is searched now; it is trained in place."""

    model: GenretForConditionalGeneration
    text_tokenizer: Any
    settings: ModelSettings


def continue_training(
    present: Present, data: Corpus, newer: Dataset, replay: float, settings: TrainSettings, checkpoints: Path
) -> Trained:
    """The model, trained on the newer log's train split and, for the share `replay`, on what `data` has to practise.

    Goes on from the last checkpoint in the folder `checkpoints` if there is one, and leaves its own there.
    """
    require("accelerate", "train")
    require("tensorboard", "train")
    set_seed(settings.seed)
    model, texts, shape = present
    dense = model.config.d_code is not None
    own = OwnTeacher(model, data.vectors, settings) if settings.own_share and dense else None
    fresh = log_examples(newer, "train", texts, shape, settings)
    if own is not None and len(fresh):
        fresh = own.beside(fresh, np.arange(len(newer.catalogue)))
    before = make_examples(data.dataset, texts, shape, settings, own)
    dev = log_examples(data.dataset, "dev", texts, shape, settings)
    practise(model, Practice(newer_examples(fresh, before, replay), dev), data.codes, settings, checkpoints)
    return Trained(model.eval().to("cpu"), texts, shape, settings)
