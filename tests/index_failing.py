"""System calls that fail, one after the other, while an index is changed; and what must hold after each.

A program to be run with `failing_calls.c`, compiled, loaded before the C library: Python's own calls, SQLite's and
Arrow's pass through it. After a failure the index is as it was before or as it should be after, in the process that met
the failure, in another index that it had open, and for whoever opens it then; what was said is one clear line, true of
what is found; and the same process goes on to change it, and leaves no file open.

    LD_PRELOAD=failing_calls.so python tests/index_failing.py FOLDER MODE OPERATION/EVERY/FIRST ...

tries every EVERY-th call of an operation from the FIRST on, and prints as JSON what came of it.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import gc
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from index_shop import Shop, listing, outcome

from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index import store
from genret.index.index import Index

WRITE, NAME, SYNC, MAP, READ, LOCK = 1, 2, 4, 8, 16, 32
CHANGING = WRITE | NAME | SYNC | MAP
FOR_EVER = 1 << 40
SECONDS = 200
"""How long one attempt may take before it counts as one that never ends."""


class Mode(NamedTuple):
    """Which calls fail, and how."""

    kinds: int
    error: int
    times: int = 1
    """How many calls in a row."""


MODES = {
    "EIO": Mode(CHANGING, errno.EIO),
    "ENOSPC": Mode(CHANGING, errno.ENOSPC),
    "EIO from there on": Mode(CHANGING, errno.EIO, FOR_EVER),
    "ENOSPC from there on": Mode(WRITE | NAME | SYNC, errno.ENOSPC, FOR_EVER),
    "EIO of reads": Mode(READ | MAP, errno.EIO),
    "EIO of locks": Mode(LOCK, errno.EIO),
    "too many open files": Mode(NAME, errno.EMFILE),
}


class Calls:
    """The calls of this process on the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(None)  # all that is loaded, `failing_calls.c` among it
        self._library.failing_disarm.restype = ctypes.c_long
        self._library.failing_last.restype = ctypes.c_char_p
        self._folder = str(folder.resolve()).encode()

    def during(self, call: Callable[[], Any], mode: Mode, at: int) -> tuple[str, Any]:
        """What the call comes to, of which the calls from the `at`-th on fail; see `outcome`."""
        first, end = ctypes.c_long(at), ctypes.c_long(at + mode.times)
        self._library.failing_arm(self._folder, mode.kinds, first, end, mode.error)
        try:
            return outcome(call)
        finally:
            self.count = int(self._library.failing_disarm())

    @property
    def failed(self) -> str:
        """The first that failed, "" if none did."""
        return str(self._library.failing_last().decode())


def vectors(count: int) -> Any:
    return np.arange(count * 4, dtype=np.float32).reshape(count, 4)


def put(index: Index) -> None:
    with index.changing() as change:
        change.insert([Product(f"n{i}", "new " * 500) for i in range(3)], [[i, 1, i] for i in range(3)], vectors(3))
        change.update([Product("p003", "moved"), Product("p004", "moved")], [[1, 1, 1], [2, 1, 2]], vectors(2))


def patch(index: Index) -> None:
    with index.changing() as change:
        change.update([one._replace(price=99.0) for one in change.products(["p005", "p006"])])


def put_with_a_long_log(index: Index) -> None:
    """As one that finds SQLite's log so long that it is moved into the database before."""
    before, store.CHECKPOINT_BYTES = store.CHECKPOINT_BYTES, 0
    try:
        put(index)
    finally:
        store.CHECKPOINT_BYTES = before


def compact(index: Index) -> None:
    if index.compact().outcome != "written":  # a lock that could not be had
        raise GenretError("not compacted; nothing was changed")


def put_and_compact(index: Index) -> None:
    put(index)
    compact(index)


def follow(index: Index) -> None:
    """Another has put and compacted."""
    index.snapshot()


OPERATIONS: dict[str, Callable[[Index], Any]] = {
    "put": put,
    "update": lambda index: index.update([Product("p003", "u")], [[2, 0, 2]], vectors(1)),
    "remove": lambda index: index.delete(["p001", "p002"]),
    "patch": patch,
    "put with a long log": put_with_a_long_log,
    "compact": compact,
    "follow": follow,
}


def as_a_command(path: Path, operation: Callable[[Index], Any]) -> None:
    """Opened, changed and closed."""
    index = Index.open(path)
    try:
        operation(index)
    finally:
        index.close()


def everything(index: Index) -> Any:
    """All that can be found, and how much of it is not in the generation."""
    return listing(index.snapshot(), None), index.pending


def opened(path: Path) -> Any:
    index = Index.open(path)
    try:
        return everything(index)
    finally:
        index.close()


class Attempts:
    """An operation of an index, tried on copies of it."""

    def __init__(self, folder: Path, operation: str, mode: str) -> None:
        self.folder, self.mode = folder, MODES[mode]
        self.operation = OPERATIONS[operation.removeprefix("command: ")]
        self.whole = operation.startswith("command: ")
        shop = Shop(12, 0, folder)
        shop.do("insert", 2)
        shop.index.compact()
        shop.do("move", 3)
        self.before = everything(shop.index)
        shop.index.close()
        done = Index.open(self.copy("done"))
        (put_and_compact if self.operation is follow else self.operation)(done)
        self.after = everything(done)
        done.close()
        self.found: Counter[str] = Counter()
        self.faults: list[str] = []

    def copy(self, name: str) -> Path:
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return Path(shutil.copytree(self.folder / "index", path))

    def run(self, every: int, first: int) -> None:
        at = first
        while self.tried(at):
            at += every

    def tried(self, at: int) -> bool:
        """Whether there is such a call; what is wrong after it failed is added to `faults`."""
        path = self.copy("work")
        calls = Calls(path)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            self.attempt(path, calls, at)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = " ".join(f"{error}".split())
            self.faults.append(f"call {at}, {calls.failed}: {type(error).__name__} {said} ({where.name}, {where.line})")
        faulthandler.cancel_dump_traceback_later()
        gc.collect()
        left = [link for link in map(_target, os.listdir("/proc/self/fd")) if link.startswith(str(path))]
        if left and not self.faults:
            self.faults.append(f"call {at}, {calls.failed}: left open: {left}")
        self.found[calls.failed or "none"] += 1
        return bool(calls.failed)

    def attempt(self, path: Path, calls: Calls, at: int) -> None:
        other = Index.open(path)
        old = other.snapshot()
        index = None if self.whole else Index.open(path)
        if self.operation is follow:
            put_and_compact(other)
        call = (lambda: as_a_command(path, self.operation)) if index is None else (lambda: self.operation(index))
        said, _ = calls.during(call, self.mode, at)
        self.check(path, said, [one for one in (index, other) if one is not None])
        assert listing(old, None) == self.before[0]

    def check(self, path: Path, said: str, indexes: list[Index]) -> None:
        assert "damaged" not in said, said  # a call that failed says nothing against what is on the disk
        now = opened(path)
        assert now in (self.before, self.after), said
        if not said or self.operation is follow:
            assert now == self.after
        elif "nothing was changed" in said:
            assert now == self.before, said
        for index in indexes:
            assert everything(index) == now, said
        self.found["failed" if said else "done"] += 1
        self.found[said.replace(str(path), "").partition(";")[0]] += 1
        for number, index in enumerate(indexes):  # all go on
            index.insert([Product(f"on{number}", "t")], [[0, 0, 0]], vectors(1))
            index.compact()
        later = opened(path)
        assert everything(indexes[0]) == everything(indexes[-1]) == later
        assert sum(len(one) for _, one in later[0]) == sum(len(one) for _, one in now[0]) + len(indexes)
        for index in indexes:
            index.close()


def _target(handle: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:  # the one that listed them
        return ""


def main(folder: str, mode: str, *asked: str) -> None:
    results = {}
    for number, one in enumerate(asked):
        operation, every, first = one.rsplit("/", 2)
        root = Path(folder) / str(number)
        root.mkdir()
        attempts = Attempts(root, operation, mode)
        attempts.run(int(every), int(first))
        results[operation] = {"found": attempts.found, "faults": attempts.faults}
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
