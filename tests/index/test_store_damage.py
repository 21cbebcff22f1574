"""A store of changes that is damaged, or whose disk gives up: named, or it makes no difference."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index_shop import Shop, folders, listing, outcome, rebuild, seen

from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index import index as index_module
from genret.index.index import Index
from genret.index.store import ACKNOWLEDGED, STORE

# Damage.


@pytest.fixture
def worn(shop: Shop) -> Path:
    """An index with two generations' worth of history, changes in the database, and changes in SQLite's log only."""
    shop.do("insert", 3)
    shop.index.compact()
    shop.do("move", 3)
    shop.do("delete", 2)
    shop.index.close()
    shop.index = Index.open(shop.folder / "index")
    shop.do("insert", 2)
    copy = Path(shutil.copytree(shop.folder / "index", shop.folder / "worn"))
    assert (copy / f"{STORE}-wal").stat().st_size > 0
    return copy


def damaged_at(path: Path, file: Path, damage: Callable[[bytes], bytes], expected: Any, work: Path) -> str:
    """Damages a copy: the error's one line, or "same" if that makes no difference."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(path, work)
    target = work / file.relative_to(path)
    target.write_bytes(damage(target.read_bytes()))
    said, found = outcome(lambda: seen(work))
    assert said or found == expected, f"{file} was damaged, which nobody noticed"
    return said or "same"


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def flips(content: bytes, count: int, rng: random.Random) -> Iterator[Callable[[bytes], bytes]]:
    places = range(len(content)) if count >= len(content) else sorted(rng.sample(range(len(content)), count))
    for place in places:
        bit = 1 << rng.randrange(8)
        yield partial(flipped, at=place, bit=bit)
    for place in rng.sample(range(len(content)), min(len(content), 2 + count // 10)):
        yield itemgetter(slice(place))
    yield lambda data: b""


def attack(worn: Path, count: int, seed: int) -> dict[str, int]:
    rng, said = random.Random(seed), {"same": 0, "named": 0}
    work = worn.with_name("attacked")
    shutil.copytree(worn, worn.with_name("untouched"))
    expected = seen(worn.with_name("untouched"))
    for file in sorted(path for path in worn.rglob("*") if path.is_file() and not path.name.endswith("-shm")):
        for damage in flips(file.read_bytes(), count, rng) if file.stat().st_size else ():
            said["same" if damaged_at(worn, file, damage, expected, work) == "same" else "named"] += 1
    return said


def test_damage_to_any_byte_is_named_or_makes_no_difference(worn: Path) -> None:
    said = attack(worn, 3, 0)
    assert said["named"] > 30
    assert said["same"] > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_damage_to_every_byte_is_named_or_makes_no_difference(worn: Path) -> None:
    assert attack(worn, 1 << 30, 0)["named"] > 1000


@pytest.mark.parametrize("at", [0, 6, 9, 11, 22, 30, 41, 55, 64, 70, 75, 80, 127, 128])
def test_embeddings_that_are_opened_before_they_are_checked_are_named_too(worn: Path, at: int) -> None:
    """They are mapped, and changes laid over the index, while their digest is taken."""
    file = worn / "gen-0000002" / "embeddings.npy"
    for bit in (1, 4, 64):
        file.write_bytes(flipped(content := file.read_bytes(), at, bit))
        with pytest.raises(GenretError, match=r"embeddings\.npy: its checksum is not .*changes since are safe"):
            Index.open(worn)
        file.write_bytes(content)
    Index.open(worn).close()


def test_a_log_that_was_cut_is_not_taken_for_one_that_held_no_more(worn: Path) -> None:
    (worn / f"{STORE}-wal").write_bytes(b"")
    with pytest.raises(GenretError, match=r"change \d+ was made.*was cut or damaged.*delete .*acknowledged"):
        Index.open(worn)
    (worn / ACKNOWLEDGED).unlink()
    Index.open(worn)


def test_a_damaged_store_can_be_given_up(worn: Path, shop: Shop) -> None:
    """Without its changes, and with nothing of its log in the new one."""
    (worn / f"{STORE}-wal").unlink()
    (worn / STORE).write_bytes((worn / STORE).read_bytes()[:5000])
    with pytest.raises(GenretError, match=r"damaged .*--changes drop"):
        Index.open(worn)
    with pytest.raises(GenretError, match=r"damaged .*--changes drop"):
        rebuild(shop, worn)
    rebuild(shop, worn, changes="forget")
    assert [one.id for _, products in seen(worn) for one, _ in products] == ["only"]


@pytest.mark.parametrize("name", ["products.parquet", "manifest.json", "trie/codes0.npy", "embeddings.npy"])
def test_a_damaged_generation_is_named_with_what_is_safe(worn: Path, name: str) -> None:
    target = worn / "gen-0000002" / name
    target.write_bytes(target.read_bytes()[:-2])
    with pytest.raises(GenretError, match=r"gen-0000002.*the \d changes since are safe.*genret index"):
        Index.open(worn)


# Failures.

OPERATIONS: dict[str, Callable[[Index], Any]] = {
    "put": lambda index: index.insert(
        [Product(f"n{i}", "t" * 100) for i in range(50)], [[i % 3, i % 2, i % 3] for i in range(50)], np.zeros((50, 4))
    ),
    "remove": lambda index: index.delete(["p001", "p002"]),
    "compact": lambda index: index.compact(),
}


def tried(index: Index, operation: str, path: Path) -> bool:
    """Whether it was done. Done or not, the index is that after, or that before, here and for others."""
    before, rows = listing(index.snapshot(), None), index.pending
    said, _ = outcome(lambda: OPERATIONS[operation](index))
    assert listing(index.snapshot(), None) == seen(path)
    if said:
        assert listing(index.snapshot(), None) == before
        assert index.pending == rows
    return not said


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_files_that_cannot_grow(shop: Shop, operation: str) -> None:
    """A limit on the size of files, at many sizes: one clear line, nothing changed, and the next attempt succeeds."""
    shop.do("update", 2)
    path, outcomes = shop.folder / "index", []
    for size in (0, 700, 4096, 9000, 17000, 40000, 1 << 20):
        work = Path(shutil.copytree(path, shop.folder / f"at{size}"))
        index = Index.open(work)
        with file_size_limit(size), suppress(GenretError):
            OPERATIONS[operation](index)
        done = not index.pending if operation == "compact" else ("n1" in index or "p001" not in index)
        outcomes.append(done)
        state = listing(index.snapshot(), None)
        assert seen(work) == state
        if not done:
            assert state == listing(shop.index.snapshot(), None)
            OPERATIONS[operation](index)
            assert listing(index.snapshot(), None) == seen(work)
        index.close()
    assert not outcomes[0]
    assert outcomes[-1]


class Failing:
    """Calls of the file system, of which the one of a given number fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.count, self.at = 0, at
        for name in ("fsync", "replace", "rename", "mkdir", "link"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                raise OSError(5, "Input/output error")
            return real(*args, **options)

        return call


def test_a_compaction_whose_every_call_fails_in_turn(shop: Shop) -> None:
    shop.do("insert", 3)
    at, path = 0, shop.folder / "index"
    while True:
        at += 1
        with pytest.MonkeyPatch.context() as patch:
            calls = Failing(patch, at)
            done = tried(shop.index, "compact", path)
        if calls.count < at:
            break
        if done:
            shop.do("update", 1)
    assert done
    assert at > 10
    assert len(folders(path)) == 1  # what the failed ones left is swept away


def test_what_could_not_be_followed_is_followed_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that failed to open another's generation neither stays as it was nor waits for ever when it writes."""
    other = Index.open(shop.folder / "index")
    shop.do("insert", 3)
    shop.index.compact()
    with monkeypatch.context() as patch:
        patch.setattr(np, "load", lambda *_, **__: (_ for _ in ()).throw(OSError(24, "Too many open files")))
        for _ in range(2):
            with pytest.raises(GenretError, match="Too many open files"):
                other.snapshot()
            with pytest.raises(GenretError, match="Too many open files"):
                other.delete("p001")
    other.delete("p001")
    del shop.truth["p001"]
    assert listing(other.snapshot(), None) == listing(shop.index.snapshot(), None) == seen(shop.folder / "index")
    assert len(other) == len(shop.truth)


@pytest.mark.parametrize("name", ["open", "flock"])
def test_a_generation_that_cannot_be_held_is_not_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is told from one that is being removed, in whose place another is current soon."""
    other = Index.open(shop.folder / "index")
    shop.do("insert", 3)
    shop.index.compact()
    module = os if name == "open" else fcntl
    real = getattr(module, name)

    def refused(what: Any, *rest: Any, **named: Any) -> Any:
        if name == "flock" or "gen-" in str(what):
            raise OSError(5, "Input/output error")
        return real(what, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, refused)
        with pytest.raises(GenretError, match=r"gen-0000002: cannot be (opened|locked) \(Input/output error\)"):
            other.snapshot()
    assert listing(other.snapshot(), None) == seen(shop.folder / "index")


def test_a_compaction_that_is_done_is_not_reported_as_failed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.do("insert", 3)
    before = listing(shop.index.snapshot(), None)
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "opened", lambda *_, **__: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        done = shop.index.compact()
    assert (done.outcome, done.artifact.path.name) == ("written", "gen-0000002")
    assert listing(shop.index.snapshot(), None) == before
    assert shop.index.pending == 0


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_of_every_size(shop: Shop, operation: str, tmp_path: Path) -> None:
    shop.do("update", 2)
    shop.index.close()
    least = sum(path.stat().st_size for path in (shop.folder / "index").rglob("*")) // 4096 + 40
    for pages in range(least, least + 120, 2):
        disk = tmp_path / "disk"
        disk.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4}k", "none", disk], check=False).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            path = Path(shutil.copytree(shop.folder / "index", disk / "index"))
            index = Index.open(path)
            tried(index, operation, path)
            del index
        except (OSError, GenretError):
            pass  # too small even to hold or open it
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
