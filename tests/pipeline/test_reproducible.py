"""Two runs with one seed agree exactly on a CPU: every artifact of every stage, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import build_small

from genret.pipeline.folder import KINDS, Part, RunFolder


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run, built a second time."""
    return build_small(tmp_path_factory.mktemp("again") / "elsewhere")


@pytest.mark.parametrize("part", KINDS)
def test_a_second_run_writes_the_same_bytes(built_run: Path, again: Path, part: Part) -> None:
    first, second = (RunFolder(run).artifact(part, verify=True) for run in (built_run, again))
    assert {name: file["sha256"] for name, file in first.files.items()} == {
        name: file["sha256"] for name, file in second.files.items()
    }
    assert first.fingerprint == second.fingerprint
