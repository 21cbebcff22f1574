"""A real server process on loopback, for the tests of everything that is served."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

GENRET = (sys.executable, "-m", "genret")
PATIENCE = int(os.environ.get("GENRET_TEST_PATIENCE", "120"))
"""Seconds that a server may take to be ready, on a machine that others use as well."""


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@dataclass
class Server:
    """A running `genret serve`."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **options)

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log, each a JSON object; its greeting left out."""
        *lines, _ = self.log_file.read_text(encoding="utf-8").split("\n")  # the last may be half written
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    run: Path, folder: Path, *flags: str, env: Mapping[str, str] | None = None, genret: Sequence[str] = GENRET
) -> Iterator[Server]:
    """`genret serve RUN` on a free port of loopback, ready to search; stopped at the end."""
    log = folder / "server.log"
    command = [*genret, "serve", str(run), "--port", "0", *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **(env or {})}
    with open(log, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    server = Server("", process, log)
    try:
        server.url = _address(server)
        _wait_until_ready(server, env or {})
        yield server
    finally:
        server.stop()


def _address(server: Server) -> str:
    for _ in range(PATIENCE * 10):
        found = re.search(r"http://\S+?:\d+", server.log_file.read_text(encoding="utf-8"))
        if found:
            return found[0]
        assert server.process.poll() is None, server.log_file.read_text(encoding="utf-8")
        time.sleep(0.1)
    raise AssertionError("the server never said where it listens")


def _wait_until_ready(server: Server, env: Mapping[str, str]) -> None:
    with server.client() as client:
        for _ in range(PATIENCE * 10):
            if client.get("/ready").status_code == 200:
                return
            assert server.process.poll() is None, server.log_file.read_text(encoding="utf-8")
            time.sleep(0.1)
    raise AssertionError(server.log_file.read_text(encoding="utf-8"))
