"""Runs: for each query a ranked list of products with scores, and the TREC files of runs and judgements.

What is written is what is read: ids, order, scores and grades (`genret.data.trec` says how).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from genret.data.trec import qrels_fields, qrels_line, run_fields, run_lines
from genret.ground.errors import GenretError
from genret.ground.files import write_text
from genret.ground.typed import typed
from genret.ground.types import Judgement, SearchResult


class RankedList(NamedTuple):
    """Products, best first, and their scores, none increasing. Both of one length."""

    products: tuple[str, ...]
    scores: tuple[float, ...]

    def top(self, k: int) -> RankedList:
        """The first k."""
        return RankedList(self.products[:k], self.scores[:k])


Run: TypeAlias = Mapping[str, RankedList]
"""Query id -> its ranked products."""


def ranked(products: Iterable[str], scores: Iterable[float]) -> RankedList:
    """A checked RankedList; a GenretError if lengths differ, a product repeats or a score rises."""
    result = RankedList(tuple(products), tuple(float(score) for score in scores))
    if len(result.products) != len(result.scores):
        raise GenretError(
            f"a ranked list needs one score per product, got {len(result.products)} and {len(result.scores)}"
        )
    if len(set(result.products)) != len(result.products):
        raise GenretError(f"a ranked list names product {_repeated(result.products)!r} twice; rank each product once")
    if not _falls(result.scores):
        raise GenretError("a ranked list's scores must not rise (nor be NaN); sort it best first")
    return result


def run_of_results(query_ids: Sequence[str], results: Sequence[SearchResult]) -> dict[str, RankedList]:
    """The run of a retriever's answers, in the order it gave them; scores that rise (rescored hits) become -rank."""
    if len(query_ids) != len(results):
        raise GenretError(f"got {len(results)} results for {len(query_ids)} queries; expected one per query")
    run = {}
    for query_id, result in zip(query_ids, results, strict=True):
        products = [hit.product.id for hit in result.hits]
        scores = [hit.score for hit in result.hits]
        if not _falls(scores):
            scores = [-float(rank) for rank in range(1, len(products) + 1)]
        run[query_id] = ranked(products, scores)
    return run


def without_own(run: Run, k: int) -> dict[str, RankedList]:
    """The run cut to k, without the product that has the query's own id: for queries that are products."""
    found = {}
    for query, ranking in run.items():
        pairs = [pair for pair in zip(ranking.products, ranking.scores, strict=True) if pair[0] != query][:k]
        found[query] = RankedList(tuple(product for product, _ in pairs), tuple(score for _, score in pairs))
    return found


@typed
def write_trec_run(path: str | Path, run: Run, tag: str = "genret") -> None:
    """Write `query Q0 product rank score tag` lines, ranks from 1, queries and products in the run's order.

    A query without products has no line, and is not in what is read back.
    """
    rankings = ((query, _checked(ranking)) for query, ranking in run.items())
    _write_lines(
        path, (line for query, found in rankings for line in run_lines(query, found.products, found.scores, tag))
    )


@typed
def read_trec_run(path: str | Path) -> dict[str, RankedList]:
    """Read a TREC run: sorted by falling score, ties by the rank column. A bad line is a GenretError that names it."""
    found: dict[str, list[tuple[float, int, str, float]]] = {}
    for number, line in _lines(path):
        try:
            row = run_fields(line)
        except ValueError:
            raise _bad(path, number, line, "`query Q0 product rank score tag`") from None
        found.setdefault(row.query, []).append((-row.written, row.rank, row.product, row.score))
    return {query: _ranked_rows(path, query, rows) for query, rows in found.items()}


@typed
def write_qrels(path: str | Path, judgements: Iterable[Judgement]) -> None:
    """Write `query 0 product grade` lines, grades as they are.

    trec_eval and what builds on it read whole numbers only: judgements in fractions are for `read_qrels`.
    """
    _write_lines(path, (qrels_line(*judgement) for judgement in judgements))


@typed
def read_qrels(path: str | Path) -> list[Judgement]:
    """Read TREC judgements, in file order. A bad line is a GenretError that names it."""
    found = []
    for number, line in _lines(path):
        try:
            query, _, product, grade = qrels_fields(line)
            judgement = Judgement(query, product, float(grade))
            if not math.isfinite(judgement.grade):
                raise ValueError
        except ValueError:
            raise _bad(path, number, line, "`query 0 product grade`, a finite number") from None
        found.append(judgement)
    return found


def _ranked_rows(path: str | Path, query: str, rows: list[tuple[float, int, str, float]]) -> RankedList:
    try:
        return ranked(*zip(*((product, score) for _, _, product, score in sorted(rows)), strict=True))
    except GenretError as error:
        raise GenretError(f"{path}, query {query!r}: {error}") from None


def _checked(ranking: RankedList) -> RankedList:
    return ranked(ranking.products, ranking.scores)


def _bad(path: str | Path, number: int, line: str, expected: str) -> GenretError:
    shown = line.strip()
    return GenretError(f"{path}, line {number}: expected {expected}, got {shown[:80]!r}{'...' * (len(shown) > 80)}")


def _falls(scores: Sequence[float]) -> bool:
    return all(a >= b for a, b in pairwise(scores)) and not any(np.isnan(scores[:1]))


def _repeated(items: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(item for item in items if item in seen or seen.add(item))  # type: ignore[func-returns-value]


def _write_lines(path: str | Path, lines: Iterable[str]) -> None:
    write_text(path, "".join(lines))  # joined first: a bad id then leaves no file behind


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, and their numbers from 1."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise GenretError(f"{path}: cannot read this file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise GenretError(f"{path}: not valid UTF-8 (byte {error.start})") from None
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
