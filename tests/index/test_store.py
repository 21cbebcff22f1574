"""The store and the generations: company of other processes, damage, failures, power cuts and the earlier format."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import threading
from typing import Any

import numpy as np
import pytest
from index_shop import FILTERS, SIZES, Shop, folders, listing, outcome, rebuild, seen
from table_decoder import TableDecoder

from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index import build
from genret.index.index import Index
from genret.index.store import STORE
from genret.search.beam import BeamSettings, beam_search

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
    with pytest.raises(GenretError, match="open it again"):
        shop.index.delete("p001")
    assert [one.id for _, products in seen(path) for one, _ in products] == ["only"]


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
    half: dict[str, Any] = {field: "a\ud800"}
    broken = Product("x", "t")._replace(**half)
    before = listing(shop.index.snapshot(), None)
    said, _ = outcome(lambda: shop.index.insert([broken], [[0, 0, 0]], np.zeros((1, 4))))
    assert said
    assert listing(shop.index.snapshot(), None) == before == seen(shop.folder / "index")


def test_the_ids_that_begin_like_some_prefixes(shop: Shop) -> None:
    for _ in range(6):
        shop.do(str(shop.rng.choice(["insert", "update", "move", "delete"])), 4)
        codes = sorted(code for _, code, _ in shop.truth.values())
        for width in range(3):
            prefixes = np.array([shop.codes()[:width] for _ in range(3)]).reshape(3, width)
            wanted = [code for code in codes if code[:width] in prefixes.tolist()]
            assert shop.index.snapshot().codes_below(prefixes).tolist() == wanted


# Threads.


def asked(seed: int, snapshot: Any, where: Any, exact: bool) -> Any:
    decoder = TableDecoder(range(2), SIZES, seed, grain=0.5)
    result = beam_search(decoder, snapshot.trie, BeamSettings(5, 8, exact), snapshot.compile(where))
    found = [snapshot.products(row[row >= 0]) for row in result.positions]
    return [[one.id for one in row] for row in found], result.scores.tolist()


def together(shop: Shop, seconds: float) -> int:
    """8 threads search, with filters, beside a writer and a compactor; each answer as a serial replay's."""
    done, failures = threading.Event(), []
    answers: list[tuple[Any, ...]] = []

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
