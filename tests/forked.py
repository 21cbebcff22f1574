"""Runs `genret` commands in children forked from a process that has everything imported: a small build takes seconds.

`Commands` is the client that tests use; the file run as a script is the process that forks. A child is a process of its
own that goes through the command line, and can be told to die by SIGKILL before its n-th change of a file, or after
some seconds, to be one of several ranks, or to write no file beyond a size.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}


class Done(NamedTuple):
    """How a command ended: exit codes (negative: by that signal), what it said, and how often it changed files."""

    codes: list[int]
    output: str
    changes: int


class Commands:
    """The client. Close it at the end. Commands run on one thread and in fp32 unless they are told otherwise."""

    def __init__(self, log: Path) -> None:
        self.log = log
        own = {"GENRET_THREADS": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
        environment = {name: value for name, value in os.environ.items() if name != "GENRET_PRECISION"} | own
        command = [sys.executable, __file__]
        self.server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, arguments: Sequence[str], watched: Path, **how: Any) -> Done:
        """`genret ARGUMENTS`; changes of files below `watched` are counted. `how`: see `_serve`."""
        assert self.server.stdin
        assert self.server.stdout
        job = {"arguments": list(arguments), "watched": str(watched), "log": str(self.log), **how}
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        done = json.loads(self.server.stdout.readline())
        return Done(done["codes"], self.log.read_text(encoding="utf-8", errors="replace"), done["changes"])

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait()


def _preload() -> None:
    """Imports only: no kernel runs here, so that children may start threads of their own."""
    import accelerate
    import sentence_transformers
    import sklearn
    import tensorboard

    import genret.cli.search
    import genret.cli.stages
    import genret.embed.fine_tuning
    import genret.pipeline.retriever
    import genret.pipeline.stages
    import genret.tokenizer.learning.train
    import genret.training.trainer  # noqa: F401

    assert all((accelerate, sentence_transformers, sklearn, tensorboard))


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    """Fork the job's `ranks` (1), wait for them, or kill them after `kill_after` seconds."""
    Path(job["log"]).write_text("")
    ranks, port = job.get("ranks", 1), _free_port()
    children = []
    for rank in range(ranks):
        pid = os.fork()
        if pid == 0:
            _child(job, rank, ranks, port)
        children.append(pid)
    deadline = time.monotonic() + job.get("kill_after", 1e9)
    codes: dict[int, int] = {}
    while len(codes) < ranks:
        for pid in children:
            if pid not in codes:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    codes[pid] = os.waitstatus_to_exitcode(status)
                elif time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    counted = Path(f"{job['log']}.changes")
    changes = int(counted.read_text()) if counted.exists() else 0
    counted.unlink(missing_ok=True)
    return {"codes": [codes[pid] for pid in children], "changes": changes}


def _child(job: dict[str, Any], rank: int, ranks: int, port: int) -> None:
    """The command itself; never returns. `kill_at`: the change before which to die; `file_limit`: bytes of a file."""
    with open(job["log"], "ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if ranks > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_WORLD_SIZE": str(ranks)}
    os.environ |= job.get("env", {})
    if limit := job.get("file_limit"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    counter = _count_changes(job["watched"], job.get("kill_at", 0))
    from genret.cli import main

    code = 1
    try:
        main(job["arguments"])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    Path(f"{job['log']}.changes").write_text(str(counter()))
    sys.stdout.flush()
    os._exit(code)


def _count_changes(watched: str, kill_at: int) -> Callable[[], int]:
    """Count what changes files below a folder, and die before the change numbered `kill_at`, if that is not 0."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            path, mode, flags = arguments
            writes = bool(flags and flags & (os.O_WRONLY | os.O_RDWR)) or bool(mode and set(mode) & set("wax+"))
            if not writes:
                return
        elif event in CHANGES:
            path = arguments[0]
        else:
            return
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(watched):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: seen


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    _preload()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    for line in sys.stdin:
        answers.write(json.dumps(_serve(json.loads(line))) + "\n")
        answers.flush()
