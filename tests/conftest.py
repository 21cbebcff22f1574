"""A small run, built once by the real stages, that the tests of everything downstream share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SMALL = {
    "grocery": {"products": 600, "train_queries": 600, "dev_queries": 60, "test_queries": 80},
    "embed": {"dim": 32},
    "tokenizer": {"codebook_sizes": (16, 16, 16, 16), "steps": 150, "batch_size": 128},
    "model": {"d_model": 64, "ffn": 128, "text_vocab": 2048},
    "train": {"max_steps": 60, "batch_size": 64},
}


def small_overrides() -> list[str]:
    """`SMALL` as --set arguments."""
    return [
        f"{section}.{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for section, values in SMALL.items()
        for name, value in values.items()
    ]


@pytest.fixture(scope="session")
def built_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of 600 products with every artifact. Read it; copy it (`run_copy`) before changing it."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.embed import EmbedSettings
    from genret.pipeline import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training import ModelSettings, TrainSettings

    run = tmp_path_factory.mktemp("small") / "run"
    grocery = GrocerySettings(**SMALL["grocery"])
    data_stage(run, lambda: make_grocery(grocery), {"format": "grocery"})
    embed_stage(run, EmbedSettings(**SMALL["embed"]), progress=False)
    tokenize_stage(run, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    train_stage(run, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    index_stage(run)
    return run


@pytest.fixture
def run_copy(built_run: Path, tmp_path: Path) -> Path:
    """A copy of the small run that a test may damage."""
    return Path(shutil.copytree(built_run, tmp_path / "run"))
