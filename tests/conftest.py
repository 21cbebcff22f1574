"""A small run, built once by the real stages, that the tests of everything downstream share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from small_run import build_small

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
    return build_small(tmp_path_factory.mktemp("small") / "run")


@pytest.fixture
def run_copy(built_run: Path, tmp_path: Path) -> Path:
    """A copy of the small run that a test may damage."""
    return Path(shutil.copytree(built_run, tmp_path / "run"))
