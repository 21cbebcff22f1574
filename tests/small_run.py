"""Settings of the small run that the tests of everything downstream share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "grocery": {"products": 600, "train_queries": 600, "dev_queries": 60, "test_queries": 80},
    "embed": {"model": "lsa", "dim": 32},
    # "bucket", as it is made, so that products share IDs
    "tokenizer": {
        "codebook_sizes": (16, 16, 16, 16),
        "steps": 150,
        "batch_size": 128,
        "collisions": "bucket",
        "max_collisions": 1.0,
    },
    "model": {"d_model": 64, "ffn": 128, "text_vocab": 2048},
    "train": {"max_steps": 60, "batch_size": 64, "lr": 5e-3},
}


def build_small(run: Path) -> Path:
    """The small run at `run`, built by the real stages."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    grocery = GrocerySettings(**SMALL["grocery"])
    data_stage(run, lambda: make_grocery(grocery), {"format": "grocery"})
    embed_stage(run, EmbedSettings(**SMALL["embed"]), progress=False)
    tokenize_stage(run, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    train_stage(run, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    index_stage(run)
    return run
