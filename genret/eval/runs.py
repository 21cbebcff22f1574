"""Runs: for each query a ranked list of products with scores, and their TREC files.

TREC files are split at white space, so ids are written with white space and `%` percent-encoded (`a b` -> `a%20b`)
and decoded on reading; an empty id is refused. Tools that read runs sort by score, in single precision and with ties
in an order of their own: scores are therefore nudged down by the smallest step that keeps a list strictly decreasing,
so that every tool sees the ranking as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError
from genret.ground.files import write_text
from genret.ground.types import Judgement, SearchResult

GAIN_SCALE = 1000
"""TREC qrels hold integers: gains (grade above the irrelevant grade) are written times this, rounded."""


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
        raise GenretError(f"a ranked list needs a score a product, got {len(result.products)} and {len(result.scores)}")
    if len(set(result.products)) != len(result.products):
        raise GenretError(f"a ranked list names product {_repeated(result.products)!r} twice; rank each product once")
    if not _falls(result.scores):
        raise GenretError("a ranked list's scores must not rise (nor be NaN); sort it best first")
    return result


def run_of_results(query_ids: Sequence[str], results: Sequence[SearchResult]) -> dict[str, RankedList]:
    """The run of a retriever's answers, in the order it gave them; scores that rise (rescored hits) become -rank."""
    if len(query_ids) != len(results):
        raise GenretError(f"got {len(results)} results for {len(query_ids)} queries; expected one a query")
    run = {}
    for query_id, result in zip(query_ids, results, strict=True):
        products = [hit.product.id for hit in result.hits]
        scores = [hit.score for hit in result.hits]
        if not _falls(scores):
            scores = [-float(rank) for rank in range(1, len(products) + 1)]
        run[query_id] = ranked(products, scores)
    return run


def top_rows(scores: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """The rows of the k highest of (N,) scores, best first, ties by row; fewer where N < k."""
    kept = np.flatnonzero(scores >= np.partition(scores, -k)[-k]) if k < len(scores) else np.arange(len(scores))
    return kept[np.argsort(-scores[kept], kind="stable")][:k].astype(np.int64)


def write_trec_run(path: str | Path, run: Run, tag: str = "genret") -> None:
    """Write `query Q0 product rank score tag` lines, ranks from 1, queries and products in the run's order."""
    lines = (
        f"{_field(query)} Q0 {_field(product)} {rank} {score!r} {_field(tag)}\n"
        for query, ranking in run.items()
        for rank, (product, score) in enumerate(
            zip(ranking.products, _strictly_falling(ranking.scores), strict=True), 1
        )
    )
    _write_lines(path, lines)


def read_trec_run(path: str | Path) -> dict[str, RankedList]:
    """Read a TREC run: sorted by falling score, ties by the rank column. A bad line is a GenretError that names it."""
    found: dict[str, list[tuple[float, int, str]]] = {}
    for number, line in enumerate(_read_lines(path), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            query, _, product, rank, score, _ = parts
            row = (-float(score), int(rank), unquote(product))
        except ValueError:
            raise GenretError(
                f"{path}, line {number}: expected `query Q0 product rank score tag`, got {line.strip()!r}"
            ) from None
        found.setdefault(unquote(query), []).append(row)
    return {
        query: ranked((product for _, _, product in sorted(rows)), (-score for score, _, _ in sorted(rows)))
        for query, rows in found.items()
    }


def write_qrels(path: str | Path, judgements: Iterable[Judgement], irrelevant_grade: float = 0.0) -> None:
    """Write `query 0 product gain` lines, gain = round(GAIN_SCALE * max(0, grade - irrelevant_grade))."""
    _write_lines(
        path,
        (f"{_field(j.query_id)} 0 {_field(j.product_id)} {gain(j.grade, irrelevant_grade)}\n" for j in judgements),
    )


def gain(grade: float, irrelevant_grade: float) -> int:
    """The linear gain of a grade as the integer that TREC files and libraries expect."""
    return round(GAIN_SCALE * max(0.0, grade - irrelevant_grade))


def _field(text: str) -> str:
    if not text:
        raise GenretError("a TREC file cannot hold an empty id; give every query and product an id")
    return re.sub(r"[\s%\x00-\x1f]", lambda match: quote(match[0], safe=""), text)


def _falls(scores: Sequence[float]) -> bool:
    return all(a >= b for a, b in pairwise(scores)) and not any(np.isnan(scores[:1]))


def _strictly_falling(scores: Sequence[float]) -> list[float]:
    falling: list[float] = []
    floor = np.float32(np.inf)
    for score in scores:
        value = np.float32(score)
        if value >= floor:
            value = np.nextafter(floor, np.float32(-np.inf))
        falling.append(float(value))
        floor = value
    return falling


def _repeated(items: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(item for item in items if item in seen or seen.add(item))  # type: ignore[func-returns-value]


def _write_lines(path: str | Path, lines: Iterable[str]) -> None:
    write_text(path, "".join(lines))  # joined first: a bad id then leaves no file behind


def _read_lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise GenretError(f"{path}: cannot read this run ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise GenretError(f"{path}: not valid UTF-8 (byte {error.start})") from None
