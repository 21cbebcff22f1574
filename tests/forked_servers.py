"""`genret serve` processes forked from one that has everything imported: several servers start in seconds.

`Servers` is what tests use; the file run as a script is the process that forks.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from served import PATIENCE


class Forked:
    """A running `genret serve`."""

    def __init__(self, process: int, log: Path) -> None:
        self.process, self.log_file = process, log
        self.url = self._address()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **options)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ready(self) -> Forked:
        """Itself, once it answers searches."""
        with self.client() as client:
            self._wait(lambda: client.get("/ready").status_code == 200)
        return self

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal, and wait until the process is gone."""
        if self.runs:
            os.kill(self.process, how)
        end = time.monotonic() + PATIENCE
        while self.runs:
            assert time.monotonic() < end, "the server does not end"
            time.sleep(0.02)

    @property
    def runs(self) -> bool:
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        return True

    def _address(self) -> str:
        found: list[str] = []

        def said() -> bool:
            found.extend(re.findall(r"http://\S+?:\d+", self.log_file.read_text(encoding="utf-8")))
            return bool(found)

        self._wait(said)
        return found[0]

    def _wait(self, condition: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.runs, self.log_file.read_text(encoding="utf-8")
            assert time.monotonic() < end, self.log_file.read_text(encoding="utf-8")
            time.sleep(0.05)


class Servers:
    """Starts them, and ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self._all = folder, 0, list[Forked]()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, __file__]
        self._source = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, *arguments: str) -> Forked:
        """`genret serve ARGUMENTS`, on a free port of loopback unless they name one."""
        assert self._source.stdin
        assert self._source.stdout
        self._count += 1
        log = self._folder / f"server-{self._count}.log"
        log.write_text("")
        port = () if "--port" in arguments else ("--port", "0")
        self._source.stdin.write(json.dumps({"arguments": ["serve", *arguments, *port], "log": str(log)}) + "\n")
        self._source.stdin.flush()
        server = Forked(int(self._source.stdout.readline()), log)
        self._all.append(server)
        return server

    def close(self) -> None:
        for server in self._all:
            server.end()
        assert self._source.stdin
        self._source.stdin.close()
        self._source.wait()


def _preload() -> None:
    """Imports only: no kernel runs here, so that children may start threads of their own."""
    import genret.cli.serve
    import genret.pipeline.sharded
    import genret.server.app
    import genret.server.process
    import genret.training.trainer  # noqa: F401


def _main() -> None:
    _preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        job = json.loads(line)
        process = os.fork()
        if process == 0:
            _child(job)
        print(process, flush=True)


def _child(job: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from genret.cli import main

    code: Any = 1
    try:
        main(job["arguments"])
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _main()
