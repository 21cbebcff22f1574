"""What a system costs: recall beside latency and bytes, one row per system, and the same as a plot.

Latency is wall time on one thread: of one query at a time, and of queries searched together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from genret.eval.measures import evaluate
from genret.eval.reports.plots import Point, scatter
from genret.eval.result import Grading, table
from genret.eval.systems.bench import Bench
from genret.ground import hardware
from genret.ground.errors import require
from genret.ground.settings import check_ranges
from genret.ground.types import Query

WARM_UP = 5
"""Queries searched before the clock starts."""


@dataclass(frozen=True)
class CostSettings:
    """How many queries are timed."""

    queries: int = 100
    batch: int = 64
    repeats: int = 3
    """Of the batch; the median counts."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, "queries batch repeats", 1)


class CostRow(NamedTuple):
    """One system: recall over all queries, milliseconds per query, and bytes."""

    system: str
    recall_10: float
    recall_100: float
    ms: float
    """Median of single queries."""
    ms_95: float
    """Their 95th percentile."""
    ms_batched: float
    """A query's share of a batch."""
    size: int
    """Bytes of all its parts."""
    parts: dict[str, int]


@dataclass(frozen=True)
class Cost:
    """The cost of every system on one bench."""

    dataset: str
    split: str
    products: int
    queries: int
    settings: CostSettings
    rows: tuple[CostRow, ...]

    def to_json(self) -> dict[str, Any]:
        timed = {"queries": self.settings.queries, "batch": self.settings.batch, "repeats": self.settings.repeats}
        return {
            "dataset": self.dataset,
            "split": self.split,
            "products": self.products,
            "queries": self.queries,
            "timed": timed,
            "systems": [row._asdict() for row in self.rows],
        }

    def markdown(self) -> str:
        """A table with a row per system, and what its sizes are made of."""
        s = self.settings
        head = (
            f"{self.dataset}, {self.split} split, {self.products} products. Recall over {self.queries} queries. "
            f"Milliseconds a query on one thread: median and 95th percentile of {s.queries} queries one at a time, and "
            f"a query's share of a batch of {s.batch} (median of {s.repeats}). Sizes on disk in MB: what a system must "
            "hold to search, the products' own records apart."
        )
        columns = ["system", "recall@10", "recall@100", "ms", "ms, 95 %", "ms, batched", "MB", "of which"]
        rows = [
            [
                row.system,
                f"{row.recall_10:.3f}",
                f"{row.recall_100:.3f}",
                f"{row.ms:.1f}",
                f"{row.ms_95:.1f}",
                f"{row.ms_batched:.2f}",
                f"{row.size / 1e6:.1f}",
                ", ".join(f"{name.split(' ')[0]} {size / 1e6:.1f}" for name, size in row.parts.items()),
            ]
            for row in self.rows
        ]
        return f"{head}\n\n{table(columns, rows)}"

    def plot(self) -> str:
        """Recall@10 over latency, a dot's area being the size; SVG."""
        points = [
            Point(row.system, row.ms, row.recall_10, row.size / 1e6, "generative" in row.system) for row in self.rows
        ]
        return scatter(points, "milliseconds a query (one thread)", "recall@10", "Recall, latency and size by system")


def measure_cost(bench: Bench, grading: Grading, split: str, names: Sequence[str], settings: CostSettings) -> Cost:
    """Every system's recall, latency and size. Nothing else should run meanwhile."""
    rng = np.random.default_rng(settings.seed)
    timed = [bench.queries[i] for i in rng.permutation(len(bench.queries))[: settings.queries]]
    asked = set(bench.ids)
    judged = [j for j in grading.judgements if j.query_id in asked]
    rows = []
    with one_thread():
        for name in dict.fromkeys(names):
            means = evaluate(bench.answer(name).run, judged, grading.relevant_at, grading.irrelevant_grade).means
            prepared = bench.prepared(name)
            single, batched = _timed(prepared.search, timed, settings)
            median, high = (float(np.quantile(single, q)) for q in (0.5, 0.95))
            size = sum(prepared.parts.values())
            found = CostRow(
                name, means["recall@10"], means["recall@100"], median, high, batched, size, dict(prepared.parts)
            )
            rows.append(found)
            bench.progress(f"{name}: {median:.1f} ms a query, {batched:.2f} batched, {size / 1e6:.1f} MB")
    return Cost(bench.dataset.name, split, len(bench.dataset.catalogue), len(bench.queries), settings, tuple(rows))


def _timed(
    search: Callable[[Sequence[Query]], Any], queries: Sequence[Query], settings: CostSettings
) -> tuple[list[float], float]:
    """(milliseconds of each query alone, milliseconds per query in a batch)."""
    for query in queries[:WARM_UP]:
        search([query])
    single = [_milliseconds(lambda query=query: search([query])) for query in queries]  # type: ignore[misc]
    batch = queries[: settings.batch]
    together = [_milliseconds(lambda: search(batch)) for _ in range(settings.repeats)]
    return single, float(np.median(together)) / len(batch)


def _milliseconds(work: Callable[[], Any]) -> float:
    started = perf_counter()
    work()
    return 1000 * (perf_counter() - started)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch, numpy and faiss on one thread."""
    faiss = require("faiss", "eval")
    threads = faiss.omp_get_max_threads()
    with hardware.one_thread():
        faiss.omp_set_num_threads(1)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(threads)
