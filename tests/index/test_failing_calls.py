"""System calls that fail while an index is changed, compacted or followed, one by one: see index_failing.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from index_failing import MODES, OPERATIONS
from index_shop import Shop, listing

from genret.index.index import Index

TESTS = Path(__file__).parents[1]
COMPILER = shutil.which("gcc") or shutil.which("cc")
SAMPLE = {"put": 4, "remove": 4, "patch": 5, "put with a long log": 5, "compact": 83, "follow": 13}
"""Of so many calls one. Most of a compaction's write a file of a generation a few bytes at a time."""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or COMPILER is None, reason="needs Linux and a C compiler"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`failing_calls.c`, compiled; a skip where it cannot be, or does not see the calls of SQLite."""
    path = tmp_path_factory.mktemp("library") / "failing_calls.so"
    assert COMPILER is not None
    command = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(path), str(TESTS / "failing_calls.c"), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        pytest.skip(f"{COMPILER} cannot compile it: {built.stderr[:500]}")
    return path


def attempts(library: Path, folder: Path, mode: str, *asked: str) -> Any:
    """Operation -> what came of its attempts, by kind and by call that failed."""
    command = [sys.executable, str(TESTS / "index_failing.py"), str(folder), mode, *asked]
    done = subprocess.run(command, env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    results = json.loads(done.stdout)
    faults = [f"{operation}, {fault}" for operation, result in results.items() for fault in result["faults"]]
    assert not faults, "\n".join(faults)
    return {operation: result["found"] for operation, result in results.items()}


def test_calls_that_fail_leave_the_index_as_before_or_after(library: Path, tmp_path: Path) -> None:
    sample = [f"{operation}/{every}/1" for operation, every in SAMPLE.items()]
    found = attempts(library, tmp_path, "EIO", *sample)
    for operation in ("put", "remove", "patch", "put with a long log"):
        assert found[operation]["failed"] > 0
        assert any("store.sqlite-wal" in call for call in found[operation])  # SQLite's own calls are among them
    assert found["compact"]["failed"] > 3
    assert found["follow"]["failed"] > 3


def test_what_cannot_be_read_is_not_called_damaged(library: Path, tmp_path: Path) -> None:
    """SQLite's own check of the whole database among it."""
    found = attempts(library, tmp_path, "EIO of reads", "command: remove/10/1")["command: remove"]
    assert found["pread64 store.sqlite"] > 0
    assert found["failed"] > 3


KILLED_AT_THE_SYNC = """
import signal, sys
from pathlib import Path
from index_failing import SYNC, Calls, Mode
from genret.index.index import Index
folder = Path(sys.argv[1])
index = Index.open(folder)
index.snapshot()
if not sys.argv[2:]:
    print("open", flush=True)
    signal.pause()
Calls(folder).during(lambda: index.delete(sys.argv[2:]), Mode(SYNC, -signal.SIGKILL), 1)
"""


@pytest.mark.parametrize("meanwhile", [0, 1])
def test_what_a_killed_writer_wrote_may_come_when_all_are_killed(library: Path, tmp_path: Path, meanwhile: int) -> None:
    """Killed when its change is in the write-ahead log, but not in what the processes share: whoever has the index open
    finds it undone. It comes, as a whole, if all of them are killed; never, if one changes something before."""
    shop = Shop(9, 0, tmp_path)
    program = [sys.executable, "-c", KILLED_AT_THE_SYNC, str(tmp_path / "index")]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(TESTS)}

    def found() -> set[str]:
        with closing(Index.open(tmp_path / "index")) as index:
            return {one.id for _, products in listing(index.snapshot(), None) for one, _ in products}

    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"open\n"
        shop.do("insert", 1)  # begins the log, whose head is synced by itself
        shop.index.close()
        before, gone = set(shop.truth), set(shop.some(3))
        assert subprocess.run([*program, *gone], env=environment).returncode == -signal.SIGKILL
        assert found() == before
        if meanwhile:
            shop.do("delete", meanwhile)
            shop.index.close()
            assert found() == set(shop.truth)
        reader.kill()
    assert found() == (set(shop.truth) if meanwhile else before - gone)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", [*OPERATIONS, *(f"command: {one}" for one in OPERATIONS)])
def test_every_call_that_fails_leaves_the_index_as_before_or_after(
    library: Path, tmp_path: Path, operation: str, mode: str
) -> None:
    """`command`: the index is opened and closed too, and the calls of that fail as well."""
    assert attempts(library, tmp_path, mode, f"{operation}/1/1")[operation]["none"] == 1
