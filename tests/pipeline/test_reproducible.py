"""Two runs with one seed agree exactly on a CPU: every artifact of every stage, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import SMALL

from genret.pipeline.folder import KINDS, Part, RunFolder
from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run, built a second time."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.embed.settings import EmbedSettings
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    run = tmp_path_factory.mktemp("again") / "elsewhere"
    grocery = GrocerySettings(**SMALL["grocery"])
    data_stage(run, lambda: make_grocery(grocery), {"format": "grocery"})
    embed_stage(run, EmbedSettings(**SMALL["embed"]), progress=False)
    tokenize_stage(run, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    train_stage(run, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    index_stage(run)
    return run


@pytest.mark.parametrize("part", KINDS)
def test_a_second_run_writes_the_same_bytes(built_run: Path, again: Path, part: Part) -> None:
    first, second = (RunFolder(run).artifact(part, verify=True) for run in (built_run, again))
    assert {name: file["sha256"] for name, file in first.files.items()} == {
        name: file["sha256"] for name, file in second.files.items()
    }
    assert first.fingerprint == second.fingerprint
