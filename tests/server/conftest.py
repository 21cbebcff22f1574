"""One server over the small run, which most of these tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import Server, serving


@pytest.fixture(scope="session")
def server(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes changes, over its own copy of the small run and a second run to compare with."""
    folder = tmp_path_factory.mktemp("served")
    run, other = folder / "run", folder / "other"
    shutil.copytree(built_run, run)
    shutil.copytree(built_run, other)
    with serving(run, folder, "--changes", "--compare", str(other)) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
