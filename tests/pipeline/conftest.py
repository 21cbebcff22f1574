"""A tiny shop, and a process that builds it through the command line in seconds; shared by the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import Commands
from tiny_shop import build_arguments, write_shop

from genret.pipeline.retriever import Retriever


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    commands = Commands(tmp_path_factory.mktemp("log") / "log")
    yield commands
    commands.close()


@pytest.fixture(scope="module")
def retriever(built_run: Path) -> Retriever:
    """Of the small run, which is read alone."""
    return Retriever.load(built_run)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


@pytest.fixture(scope="session")
def whole(shop: Path, commands: Commands) -> tuple[Path, int]:
    """A run that nothing happened to, and how often making it changed a file."""
    run = shop / "whole"
    done = commands.run(build_arguments(shop, run), run)
    assert done.codes == [0], done.output
    return run, done.changes
