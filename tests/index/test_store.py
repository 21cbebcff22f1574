"""The store and the generations: company of other processes, damage, failures, power cuts and the earlier format."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index_shop import Shop, listing, old_format, product

from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index import build
from genret.index.index import Index, build_index
from genret.index.store import ACKNOWLEDGED, STORE


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(12, 0, tmp_path)


def seen(path: Path) -> Any:
    """Everything that can be found in an index that is opened now."""
    index = Index.open(path)
    try:
        return listing(index.snapshot(), None)
    finally:
        index.close()


def folders(index: Path) -> list[str]:
    return sorted(path.name for path in index.glob("gen-*"))


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """The one line of the error, or "" and what the call returns."""
    try:
        return "", call()
    except GenretError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return said, None


# Company.


def test_writers_take_turns_and_everyone_sees_everything(shop: Shop) -> None:
    """Two that have the index open change it in turns, with nothing said to each other."""
    other = Index.open(shop.folder / "index")
    shop.do("insert", 2)
    first = next(iter(shop.truth))
    other.delete(first)
    del shop.truth[first]
    shop.do("update", 3)
    assert listing(other.snapshot(), None) == listing(shop.index.snapshot(), None) == seen(shop.folder / "index")
    with pytest.raises(GenretError, match="no product"):
        shop.index.delete(first)


def test_a_transaction_is_all_or_nothing(shop: Shop) -> None:
    before = listing(shop.index.snapshot(), None)
    known = shop.some(1)

    def half() -> None:
        with shop.index.changing() as change:
            change.delete(known)
            change.insert([Product("new", "t")], [[0, 0, 0]], np.zeros((1, 4)))
            change.delete(["nobody"])

    def twice() -> None:
        with shop.index.changing() as change:
            change.delete(known)
            change.delete(known)

    with pytest.raises(GenretError, match="'nobody'"):
        half()
    with pytest.raises(GenretError, match="given twice"):
        twice()
    assert listing(shop.index.snapshot(), None) == before == seen(shop.folder / "index")


def test_a_writer_waits_for_another_and_says_so_in_the_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Index.open(shop.folder / "index")
    monkeypatch.setattr("genret.index.database.WAIT_SECONDS", 0.2)
    with shop.index.changing() as change:
        change.insert([Product("new", "t")], [[0, 0, 0]], np.zeros((1, 4)))
        with pytest.raises(GenretError, match="another process has been changing this index"):
            other.delete("p001")
        assert "new" not in other
        assert "p001" in other
    other.delete("p001")
    assert "new" in other


def test_what_changes_while_a_compaction_writes_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Index.open(shop.folder / "index")
    shop.do("insert", 3)
    real = build._write

    def write(*args: Any) -> Any:
        other.insert([Product("meanwhile", "t")], [[1, 1, 1]], np.zeros((1, 4)))
        other.delete("p001")
        return real(*args)

    monkeypatch.setattr(build, "_write", write)
    assert shop.index.compact().outcome == "written"
    found = {one.id for _, products in listing(shop.index.snapshot(), None) for one, _ in products}
    assert "meanwhile" in found
    assert "p001" not in found
    assert shop.index.pending == 2
    assert listing(other.snapshot(), None) == listing(shop.index.snapshot(), None) == seen(shop.folder / "index")


def test_of_two_compactions_one_does_the_work(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Index.open(shop.folder / "index")
    shop.do("insert", 3)
    real, outcomes = build._write, []

    def write(*args: Any) -> Any:
        outcomes.append(other.compact().outcome)
        return real(*args)

    monkeypatch.setattr(build, "_write", write)
    assert shop.index.compact().outcome == "written"
    assert outcomes == ["another process is writing"]
    assert other.compact().outcome == "nothing to do"
    assert folders(shop.folder / "index") == ["gen-0000002"]


def test_a_generation_stays_as_long_as_someone_reads_it(shop: Shop) -> None:
    reader = Index.open(shop.folder / "index")
    snapshot = reader.snapshot()
    before = listing(snapshot, None)
    shop.do("move", 5)
    shop.index.compact()
    assert folders(shop.folder / "index") == ["gen-0000001", "gen-0000002"]
    assert listing(snapshot, None) == before
    after = listing(reader.snapshot(), None)
    assert after == listing(shop.index.snapshot(), None) != before
    del snapshot
    shop.do("move", 5)
    shop.index.compact()
    assert folders(shop.folder / "index") == ["gen-0000002", "gen-0000003"]  # the reader has not looked again
    del reader
    shop.do("move", 1)
    shop.index.compact()
    assert folders(shop.folder / "index") == ["gen-0000004"]


def test_what_is_open_stays_valid_whatever_becomes_of_the_files(shop: Shop) -> None:
    snapshot = shop.index.snapshot()
    copy = shutil.copytree(shop.folder / "index", shop.folder / "copy")
    shutil.rmtree(shop.folder / "index")
    assert listing(snapshot, "price < 3") == listing(Index.open(copy).snapshot(), "price < 3")


def test_an_index_built_anew_is_not_taken_for_the_one_that_is_open(shop: Shop) -> None:
    shop.do("insert", 1)
    before = listing(shop.index.snapshot(), None)
    path = shop.folder / "index"
    with pytest.raises(GenretError, match=r"1 products were put or removed since it was built.*--changes"):
        rebuild(shop, path)
    assert listing(shop.index.snapshot(), None) == before == seen(path)
    rebuild(shop, path, changes="forget")
    assert listing(shop.index.snapshot(), None) == before
    assert shop.index.superseded
    with pytest.raises(GenretError, match="open it again"):
        shop.index.delete("p001")
    assert [one.id for _, products in seen(path) for one, _ in products] == ["only"]


def rebuild(shop: Shop, path: Path, **options: Any) -> None:
    from genret.data.records import Catalogue

    catalogue = Catalogue.from_products([Product("only", "t")])
    build_index(
        catalogue, [[0, 0, 0]], (3, 2, 3), path, {"tokenizer": "other"}, np.zeros((1, 4), np.float32), **options
    )


def test_a_fork_has_connections_of_its_own(shop: Shop) -> None:
    shop.do("insert", 1)

    def child(number: int) -> None:
        shop.index.insert([Product(f"of{number}", "t")], [[0, 0, 0]], np.zeros((1, 4)))
        os._exit(0 if f"of{number}" in shop.index else 1)

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child, args=(number,)) for number in range(3)]
    for one in children:
        one.start()
    shop.do("insert", 3)
    for one in children:
        one.join()
        assert one.exitcode == 0
    assert {"of0", "of1", "of2", *shop.truth} == {one.id for one in shop.index.products(range(len(shop.index)))}
    assert listing(shop.index.snapshot(), None) == seen(shop.folder / "index")


def test_a_folder_that_is_read_only_can_be_searched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.do("insert", 1)
    shop.index.close()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    index = Index.open(shop.folder / "index")
    assert len(index) == len(shop.truth)
    with pytest.raises(GenretError, match="read-only"):
        index.delete("p001")
    assert not list((shop.folder / "index").glob("*-wal"))


def test_the_log_is_moved_into_the_database_before_it_grows_long(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genret.index.store.CHECKPOINT_BYTES", 100_000)
    reader = Index.open(shop.folder / "index")
    for _ in range(60):
        shop.do("update", 3)
        assert len(reader) == len(shop.truth)
    assert (shop.folder / "index" / f"{STORE}-wal").stat().st_size < 1_000_000
    assert listing(reader.snapshot(), None) == listing(shop.index.snapshot(), None)


def test_difference_between_snapshots(shop: Shop) -> None:
    """What was done between two snapshots, as what went and what came."""
    shop.do("insert", 4)
    shop.do("delete", 2)
    first = shop.index.snapshot()
    before = {one.id: one for one in first.products(alive(first))}
    for what, count in (("insert", 3), ("move", 5), ("delete", 3), ("update", 2)):
        shop.do(what, count)
    second = shop.index.snapshot()
    difference = second.since(first)
    assert difference is not None
    gone, came = set(difference.gone), {one.id: one for one in difference.came}
    assert {**{one: row for one, row in before.items() if one not in gone}, **came} == {
        one: row[0] for one, row in shop.truth.items()
    }
    assert gone <= before.keys()
    whole = second.since()
    assert whole is not None
    assert {one.id for one in whole.came} == {one.id for one in whole.came if one.id in shop.truth}
    shop.index.compact()
    assert shop.index.snapshot().since(second) is None


def alive(snapshot: Any) -> np.ndarray:
    allowed, count = snapshot.compile(None), snapshot.trie.num_products
    return np.arange(count) if allowed is None else allowed.positions(0, count)


def test_products_that_no_single_row_could_hold(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genret.index.changes.PIECE_BYTES", 10_000)
    large = [Product(f"large{i}", "t", description="d" * 4_000 * (i + 1)) for i in range(6)]
    shop.index.insert(large, [[0, 0, 0]] * 6, np.zeros((6, 4)))
    found = {one.id: one for one in Index.open(shop.folder / "index").contents()[0]}
    assert all(found[one.id] == one for one in large)


@pytest.mark.parametrize("field", ["id", "title", "brand"])
def test_half_a_surrogate_pair_is_refused(shop: Shop, field: str) -> None:
    broken = Product("x", "t")._replace(**{field: "a\ud800"})
    before = listing(shop.index.snapshot(), None)
    said, _ = outcome(lambda: shop.index.insert([broken], [[0, 0, 0]], np.zeros((1, 4))))
    assert said
    assert listing(shop.index.snapshot(), None) == before == seen(shop.folder / "index")


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


def flips(content: bytes, count: int, rng: random.Random) -> Iterator[Callable[[bytes], bytes]]:
    places = range(len(content)) if count >= len(content) else sorted(rng.sample(range(len(content)), count))
    for place in places:
        bit = 1 << rng.randrange(8)
        yield lambda data, at=place, bit=bit: data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
    for place in rng.sample(range(len(content)), min(len(content), 2 + count // 10)):
        yield lambda data, at=place: data[:at]
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


# Threads.


def together(shop: Shop, seconds: float) -> int:
    """8 threads search, with filters, beside a writer and a compactor; each answer as a serial replay's."""
    from index_shop import FILTERS, SIZES
    from table_decoder import TableDecoder

    from genret.search.beam import BeamSettings, beam_search

    done, failures = threading.Event(), []
    answers: list[tuple[Any, ...]] = []

    def asked(seed: int, snapshot: Any, where: Any, exact: bool) -> Any:
        decoder = TableDecoder(range(2), SIZES, seed, grain=0.5)
        result = beam_search(decoder, snapshot.trie, BeamSettings(5, 8, exact), snapshot.compile(where))
        found = [snapshot.products(row[row >= 0]) for row in result.positions]
        return [[one.id for one in row] for row in found], result.scores.tolist()

    def search(seed: int) -> Any:
        rng = random.Random(seed)

        def run() -> None:
            try:
                while not done.is_set():
                    question = shop.index.snapshot(), rng.choice(FILTERS), rng.random() < 0.3
                    answer = asked(seed, *question)
                    if rng.random() < 0.05 or len(answers) < 200:
                        answers.append((answer, seed, *question))
            except Exception as error:
                failures.append(error)

        return run

    def compact() -> None:
        try:
            while not done.wait(0.2):
                shop.index.compact()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=search(seed)) for seed in range(8)] + [threading.Thread(target=compact)]
    for one in threads:
        one.start()
    timer = threading.Timer(seconds, done.set)
    timer.start()
    while not done.is_set() and not failures:
        shop.do(str(shop.rng.choice(["insert", "update", "move", "delete"])), 2)
    done.set()
    for one in [*threads, timer]:
        one.join()
    assert not failures
    for answer, *question in answers:
        assert asked(*question) == answer
    return len(answers)


def test_threads_search_write_and_compact_together(shop: Shop) -> None:
    assert together(shop, 3.0) > 20


@pytest.mark.slow
def test_threads_search_write_and_compact_together_for_a_minute(shop: Shop) -> None:
    assert together(shop, 60.0) > 200


# The earlier format.


@pytest.fixture
def old(shop: Shop) -> Shop:
    """A shop whose index is of the first format; `truth` is what it holds."""
    shop.index.close()
    rng = np.random.default_rng(5)
    new, changed, gone = shop.fresh(2), shop.some(3), shop.some(12)[5:7]
    moved = [(product(int(one[1:]), rng), [1, 1, 1], shop.vector()) for one in changed if one not in gone]
    put = [
        (kind, [row[0] for row in rows], [row[1] for row in rows], np.array([row[2] for row in rows]))
        for kind, rows in (("insert", new), ("update", moved))
    ]
    none = np.zeros((0, 4))
    old_format(shop.folder / "index", [*put, ("delete", [shop.truth[one][0] for one in gone], [], none)])
    shop.truth |= {row[0].id: row for row in [*new, *moved]}
    for one in gone:
        del shop.truth[one]
    return shop


def held(shop: Shop) -> bool:
    found = Index.open(shop.folder / "index")
    catalogue, codes, vectors = found.contents()
    found.close()
    rows = zip(catalogue, codes.tolist(), vectors, strict=True)
    return {one.id: (one, code, vector.tolist()) for one, code, vector in rows} == {
        key: (one, code, vector.tolist()) for key, (one, code, vector) in shop.truth.items()
    }


def test_an_index_of_the_first_format_is_turned_over(old: Shop) -> None:
    path = old.folder / "index"
    with open(path / "changes.log", "ab") as file:
        file.write(b'00c0ffee {"op":"delete","ids":["p0')  # cut short by a crash: never made
    assert held(old)
    assert not {"manifest.json", "changes.log", "trie", "products.parquet"} & set(os.listdir(path))
    index = Index.open(path)
    assert index.pending > 0
    assert index.compact().outcome == "written"
    assert held(old)


@pytest.mark.parametrize("line", [1, 2])
def test_a_damaged_log_of_the_first_format_is_named(old: Shop, line: int) -> None:
    log = old.folder / "index" / "changes.log"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"op"', b'"OP"')
    log.write_bytes(b"".join(lines))
    with pytest.raises(GenretError, match=f"changes.log, line {line + 1}: damaged"):
        Index.open(old.folder / "index")


def test_a_writer_of_the_first_format_is_not_overtaken(old: Shop) -> None:
    import fcntl

    with open(old.folder / "index" / "changes.log", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(GenretError, match="an earlier genret is changing this index"):
            Index.open(old.folder / "index")
    assert held(old)


def test_turning_over_that_is_cut_off_anywhere_loses_nothing(old: Shop) -> None:
    """A process that dies at the n-th call of the file system, for every n."""
    whole, path = old.folder / "whole", old.folder / "index"
    path.rename(whole)
    status, at = 9, 0
    while status == 9:
        at += 1
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        child = os.fork()
        if child == 0:
            die_at(at)
            Index.open(path)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert held(old)
    assert status == 0
    assert at > 20


def die_at(number: int) -> None:
    """End this process, without warning, at its n-th call of the file system from now on."""
    left = iter(range(number, 0, -1))

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(left) == 1:
                os._exit(9)
            return real(*args, **options)

        return call

    for name in ("link", "replace", "mkdir", "unlink", "rmdir", "fsync"):
        setattr(os, name, dying(getattr(os, name)))
