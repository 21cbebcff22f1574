"""A small run, built once by the real stages, that the tests of everything downstream share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from small_run import SMALL

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# No test fails because a machine is busy, and the suite tries the same examples in each run: a failure is the tree's.
# `make test-properties` tries new ones, by seed.
settings.register_profile("genret", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("new-examples", settings.get_profile("genret"), derandomize=False, print_blob=True)
settings.load_profile("genret")


@pytest.fixture(scope="session")
def built_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of 600 products with every artifact. Read it; copy it (`run_copy`) before changing it."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

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
