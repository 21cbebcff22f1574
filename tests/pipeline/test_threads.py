"""One retriever, searched by many threads while products come, change and go: each answer as a serial replay gives."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from genret.ground.types import Product, SearchResult
from genret.index.index import Index
from genret.index.snapshot import Snapshot
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.stock import Stock

QUERIES = ("oat milk", "organic pasta sauce", "zimmerli oat drink", "frozen spinach", "chese", "tea 3")
FILTERS = (None, "price < 5", "available", 'category under "Dairy & Eggs"')
WAYS: tuple[dict[str, Any], ...] = (
    {"hybrid": False},
    {"exact": True, "hybrid": False},
    {"rescore": True},
    {"rescore": 0.02, "exact": True},
    {"hybrid": True},
    {"by": "bm25"},
    {"by": "dense"},
)


class Watched:
    """An index that remembers which snapshot each thread got last."""

    def __init__(self, index: Index) -> None:
        self._index, self._own = index, threading.local()

    def snapshot(self) -> Snapshot:
        self._own.last = self._index.snapshot()
        return self.last

    @property
    def last(self) -> Snapshot:
        found: Snapshot = self._own.last
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


def said(result: SearchResult) -> Any:
    return [(hit.product, hit.score, hit.semantic_id) for hit in result.hits], result.exact


def change(run: Path, rng: random.Random, number: int) -> None:
    """Products come, change and go, some in one transaction."""
    with Stock(run) as stock:
        names = [f"t{rng.randrange(12)}" for _ in range(3)]
        if rng.random() < 0.3:
            stock.remove(sorted(set(names)), missing_ok=True)
            return
        brand = rng.choice(["Zimmerli", "Bellafonte"])
        stock.put(
            Product(one, f"{brand} organic oat drink {number}", price=float(number % 9), popularity=1.0 + number % 3)
            for one in sorted(set(names))
        )


class Answer(NamedTuple):
    """What a search said, of which snapshot, and what it was asked."""

    said: Any
    snapshot: Snapshot
    query: str
    way: dict[str, Any]
    where: str | None


def together(run: Path, seconds: float) -> dict[str, int]:
    """8 threads search beside a writer and a compactor. How many answers of each way were replayed."""
    folder = RunFolder(run)
    model, tokens, index, width = folder.searchable()
    watched = Watched(index)
    shared: Any = watched  # Retriever asks of an index no more than this
    retriever = Retriever(model, tokens, shared, folder, width)
    done, answers = threading.Event(), list[Answer]()

    def search(seed: int) -> None:
        rng = random.Random(seed)
        while not done.is_set():
            query, way, where = rng.choice(QUERIES), rng.choice(WAYS), rng.choice(FILTERS)
            answer = said(retriever.search(query, k=5, where=where, **way))
            if len(answers) < 150 or rng.random() < 0.1:
                answers.append(Answer(answer, watched.last, query, way, where))

    def compact() -> None:
        while not done.wait(0.3):
            with Stock(run) as stock:
                stock.compact()

    def write() -> None:
        rng, number = random.Random(-1), 0
        while not done.is_set():
            number += 1
            change(run, rng, number)

    run_all([*(lambda seed=seed: search(seed) for seed in range(8)), compact, write], done, seconds)
    replayed: Counter[str] = Counter()
    for one in answers:
        still: Any = one.snapshot
        alone = Retriever(model, tokens, still, folder, width)
        alone._embedder = retriever.embedder
        assert said(alone.search(one.query, k=5, where=one.where, **one.way)) == one.said
        replayed[str(one.way)] += 1
    generations = {one.snapshot.base.number for one in answers}
    return {**replayed, "snapshots": len({id(one.snapshot) for one in answers}), "generations": len(generations)}


def run_all(calls: Sequence[Callable[[], None]], done: threading.Event, seconds: float) -> None:
    """Every call in a thread of its own, until they have gone on for so long; no call may fail."""
    failures = list[BaseException]()

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)
            done.set()

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for one in threads:
        one.start()
    done.wait(seconds)
    done.set()
    for one in threads:
        one.join()
    assert not failures


def test_threads_search_in_every_way_while_products_change(run_copy: Path) -> None:
    done = together(run_copy, 4.0)
    assert done["snapshots"] > 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_threads_search_in_every_way_while_products_change_for_a_minute(run_copy: Path) -> None:
    done = together(run_copy, 60.0)
    print(done)
    assert all(done[str(way)] > 5 for way in WAYS)
    assert done["snapshots"] > 20
    assert done["generations"] > 2
