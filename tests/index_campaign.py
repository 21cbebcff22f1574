"""Processes that change, compact and read one index at once, and are killed at random; what they must agree on.

A product's codes, embedding and price follow from its id and version, so that any reader can tell by itself whether
a product stands under its own ID. Products come in groups of three that one transaction always changes together, so
that half a change shows. Each writer has groups of its own, of which the campaign keeps a model in memory.

    python tests/index_campaign.py FOLDER SECONDS [SEED]        # runs one, and says what was done
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from genret.data.records import Catalogue
from genret.ground.types import Product
from genret.index.build import Contents, build_index
from genret.index.index import Changing, Index
from genret.index.snapshot import Snapshot

SIZES, WIDTH, GROUP = (8, 8, 8), 4, 3
MAX_GROUPS = 60
Say = Callable[[Any], None]
Versions = dict[str, int]
"""Group -> the version of its products; groups that are not there are left out."""


def product(one: str, version: int) -> Product:
    return Product(one, f"{one} version {version}", price=float(version), popularity=1.0 + zlib.crc32(one.encode()) % 3)


def codes_of(one: str, version: int) -> list[int]:
    return [zlib.crc32(f"{one}/{version}/{level}".encode()) % size for level, size in enumerate(SIZES)]


def vector_of(one: str, version: int) -> list[float]:
    return [float(zlib.crc32(f"{one}/{version}/v{i}".encode()) % 1000) for i in range(WIDTH)]


def members(group: str) -> list[str]:
    return [f"{group}.{i}" for i in range(GROUP)]


def parts(versions: Versions) -> tuple[list[Product], list[list[int]], np.ndarray]:
    """The products of groups at these versions, with codes and embeddings."""
    pairs = [(one, version) for group, version in versions.items() for one in members(group)]
    vectors = np.array([vector_of(*pair) for pair in pairs], np.float32).reshape(-1, WIDTH)
    return [product(*pair) for pair in pairs], [codes_of(*pair) for pair in pairs], vectors


def build(folder: Path, versions: Versions) -> None:
    products, codes, vectors = parts(versions)
    contents = Contents(Catalogue.from_products(products), np.array(codes).reshape(-1, len(SIZES)), vectors)
    build_index(contents, SIZES, folder)


def make(change: Changing, op: Versions, known: Versions) -> None:
    """Ask a transaction for an operation: groups at new versions, 0 for those that go."""
    new = {group: version for group, version in op.items() if version and group not in known}
    old = {group: version for group, version in op.items() if version and group in known}
    if new:
        change.insert(*parts(new))
    if old:
        change.update(*parts(old))
    gone = [one for group, version in op.items() if not version for one in members(group)]
    change.delete(gone)


def after(known: Versions, op: Versions) -> Versions:
    return {group: version for group, version in {**known, **op}.items() if version}


def check(snapshot: Snapshot) -> Versions:
    """The groups of a snapshot; an AssertionError where a product is under another's ID, or a change is half made."""
    allowed = snapshot.compile(None)
    count = snapshot.trie.num_products
    positions = np.arange(count) if allowed is None else allowed.positions(0, count)
    found: dict[str, list[int]] = {}
    assert snapshot.embeddings is not None
    rows = zip(
        snapshot.products(positions),
        snapshot.trie.id_of(positions).tolist(),
        snapshot.embeddings[positions],
        strict=True,
    )
    for one, codes, vector in rows:
        version = int(one.price or 0)
        assert one == product(one.id, version), one
        assert codes == codes_of(one.id, version), (one, codes)
        assert vector.tolist() == vector_of(one.id, version), one
        found.setdefault(one.id.rpartition(".")[0], []).append(version)
    for group, versions in found.items():
        assert versions == versions[:1] * GROUP, (group, versions)
    return {group: versions[0] for group, versions in found.items()}


def write(say: Say, folder: str, name: str, seed: int, known: Versions) -> None:
    """Change groups of its own for ever. Says what it begins, and that it is done, a line each."""
    rng, index = random.Random(seed), Index.open(folder)
    number = max([int(group.rpartition("-")[2]) for group in known], default=0)
    noted = os.open(Path(folder).parent / f"{name}.seen", os.O_RDWR | os.O_CREAT)
    ticks = known.get(f"{name}-0", 0)
    while True:
        ticks += 1
        op = {f"{name}-0": ticks}  # in every operation: readers see by it how far they are
        for _ in range(rng.randrange(3)):
            group = rng.choice([*known, f"{name}-{number + 1}"])
            if group == f"{name}-0":
                continue
            number = max(number, int(group.rpartition("-")[2]))
            gone = group in known and (rng.random() < 0.3 or len(known) > MAX_GROUPS)
            op[group] = 0 if gone else ticks
        say(op)
        with index.changing() as change:
            make(change, op, known)
        os.pwrite(noted, f"{ticks:10d}".encode(), 0)
        say(None)
        known = after(known, op)
        if rng.random() < 0.02:
            index.close()
            index = Index.open(folder)


def compact(say: Say, folder: str, name: str, seed: int, known: Versions) -> None:
    rng, index = random.Random(seed), Index.open(folder)
    while True:
        say(index.compact().outcome)
        time.sleep(rng.random() * 0.1)


def read(say: Say, folder: str, name: str, seed: int, known: Versions) -> None:
    """Check every snapshot: whole, each product under its own ID, and no older than what was acknowledged."""
    rng, index = random.Random(seed), Index.open(folder)
    before: Versions = {}
    while True:
        noted = {path.stem: int(path.read_text() or 0) for path in Path(folder).parent.glob("*.seen")}
        found = check(index.snapshot())
        for writer, ticks in noted.items():
            assert found.get(f"{writer}-0", 0) >= ticks, (writer, found.get(f"{writer}-0"), ticks)
        for group, version in before.items():
            assert group not in found or found[group] >= version, (group, version, found[group])
        before = found
        say(None)
        if rng.random() < 0.1:
            index = Index.open(folder, verify=rng.random() < 0.5)


ROLES = {"write": write, "compact": compact, "read": read}
SERVER = multiprocessing.get_context("forkserver")
"""Forks processes that have imported everything, so that one that is killed is soon replaced."""
SERVER.set_forkserver_preload(["index_campaign"])


def run(role: str, pipe: Any, errors: Path, *args: Any) -> None:
    """One of the processes."""
    try:
        ROLES[role](pipe.send, *args)
    except BaseException:
        errors.write_text(traceback.format_exc())
        os._exit(1)


@dataclass
class Process:
    """One process of the campaign, restarted when it is killed."""

    role: str
    name: str
    errors: Path
    known: Versions = field(default_factory=dict)
    """A writer's groups, as acknowledged."""
    begun: Versions | None = None
    """A writer's operation that is not acknowledged yet."""
    done: int = 0
    before: int = 0
    """What it had done when it was started last."""
    outcomes: dict[str, int] = field(default_factory=dict)
    child: Any = None
    listener: Any = None

    def start(self, folder: Path, seed: int) -> None:
        self.before = self.done
        ours, theirs = SERVER.Pipe(duplex=False)
        args = (self.role, theirs, self.errors, str(folder), self.name, seed, self.known)
        self.child = SERVER.Process(target=run, args=args, daemon=True)
        self.child.start()
        theirs.close()
        self.listener = Thread(target=self._listen, args=(ours,))
        self.listener.start()

    def check(self) -> None:
        assert self.child.is_alive(), self.errors.read_text()

    def kill(self) -> None:
        """End it without warning."""
        self.check()
        self.child.kill()
        self.child.join()
        assert self.child.exitcode == -signal.SIGKILL, self.errors.read_text()
        self.listener.join()

    def settle(self, index: Index) -> None:
        """Find out what became of the operation that it had begun when it was killed: all of it, or nothing.

        What others find undone may still be on the disk: SQLite takes it up, as a whole, if all who have the index open
        are killed before the next change is made. See `test_what_a_killed_writer_wrote_may_come_when_all_are_killed`.
        """
        if self.begun is None:
            return
        found = {group: version for group, version in check(index.snapshot()).items() if group in self.begun}
        made = {group: version for group, version in self.begun.items() if version}
        unmade = {group: self.known[group] for group in self.begun if group in self.known}
        assert found in (made, unmade), f"half of {self.begun}: {found}, from {unmade}"
        if found == made:
            self.known = after(self.known, self.begun)
        self.begun = None

    def _listen(self, pipe: Any) -> None:
        with suppress(EOFError, OSError):  # it was killed, perhaps while it said something
            while True:
                said = pipe.recv()
                if isinstance(said, dict):
                    self.begun = said
                    continue
                self.done += 1
                if self.begun is not None:
                    self.known, self.begun = after(self.known, self.begun), None
                if said is not None:
                    self.outcomes[said] = self.outcomes.get(said, 0) + 1
        pipe.close()


def checked_end(folder: Path, processes: list[Process]) -> int:
    """The number of groups that the index holds: all that was acknowledged, and nothing else."""
    expected: Versions = {}
    with closing(Index.open(folder)) as index:  # one for all: none is asked before the last has ended
        for process in processes:
            process.settle(index)
            expected |= process.known
        found = check(index.snapshot())
    pairs = {group: (found.get(group), expected.get(group)) for group in found | expected}
    assert found == expected, {group: pair for group, pair in pairs.items() if pair[0] != pair[1]}
    return len(expected)


def campaign(root: Path, seconds: float, seed: int, pause: float = 1.0) -> dict[str, Any]:
    """4 writers, 2 compactors and 4 readers, one killed about every `pause` seconds.

    What was done; an AssertionError where one of them finds something wrong.
    """
    rng, folder = random.Random(seed), root / "index"
    build(folder, {})
    roles = {"write": 4, "compact": 2, "read": 4}
    processes = [
        Process(role, f"{role}{i}", root / f"{role}{i}.err") for role, count in roles.items() for i in range(count)
    ]
    for process in processes:
        process.start(folder, rng.randrange(1 << 30))
    kills, opened, end = 0, 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end or kills < 4:
            time.sleep(rng.uniform(0.2, 2 * pause))
            for process in processes:
                process.check()
            check(Index.open(folder).snapshot())
            opened += 1
            working = [process for process in processes if process.done > process.before]
            if not working:
                continue
            process = rng.choice(working if rng.random() < 0.9 else processes)
            process.kill()
            with closing(Index.open(folder)) as index:
                process.settle(index)
            process.start(folder, rng.randrange(1 << 30))
            kills += 1
        time.sleep(2)
    finally:
        for process in processes:
            process.kill()
    groups = checked_end(folder, processes)
    report = {role: sum(one.done for one in processes if one.role == role) for role in roles}
    outcomes: Counter[str] = Counter()
    for process in processes:
        outcomes.update(process.outcomes)
    return {
        "seconds": seconds,
        "seed": seed,
        "kills": kills,
        "opened": opened,
        **report,
        "compactions": outcomes,
        "groups": groups,
    }


if __name__ == "__main__":
    started = campaign(Path(sys.argv[1]), float(sys.argv[2]), int((sys.argv[3:] or ["0"])[0]))
    print(json.dumps(started))
