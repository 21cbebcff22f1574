"""BM25 and exact nearest neighbours over a run's own products, to stand beside its beam in the explorer.

Each is made when first asked for. Hits carry the products' semantic IDs, so that their shared prefixes can be seen.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genret.data.records import load_dataset
from genret.ground.errors import GenretError
from genret.ground.types import Hit, Query, SearchResult
from genret.index.snapshot import Snapshot
from genret.pipeline.retriever import Retriever


class Baselines:
    """The other systems over one retriever's index as it was when first asked, and its substitutes."""

    def __init__(self, retriever: Retriever, folder: Path) -> None:
        self._retriever, self._folder = retriever, folder

    def bm25(self, query: str, k: int, where: str | None) -> SearchResult:
        """The k products that BM25 ranks first; scores are BM25's. Needs the extra `eval`."""
        index, searcher, rows = self._bm25
        allowed = _mask(index, where)
        found = searcher.search([Query("q", query)], k if allowed is None else len(rows))["q"]
        pairs = [(rows[one], score) for one, score in zip(found.products, found.scores, strict=True)]
        kept = [(at, score) for at, score in pairs if allowed is None or allowed[at]][:k]
        return _result(index, query, [at for at, _ in kept], [score for _, score in kept], exact=True)

    def dense(self, query: str, k: int, where: str | None) -> SearchResult:
        """The k products nearest to the query in the run's own embeddings; scores are cosines."""
        index, vectors = self._vectors
        scores = vectors @ np.asarray(self._retriever.embedder.encode([query]), np.float32)[0]  # (N,)
        allowed = _mask(index, where)
        if allowed is not None:
            scores = np.where(allowed, scores, np.float32(-np.inf))
        order = np.argsort(-scores, kind="stable")[:k]
        order = order[scores[order] > -np.inf]
        return _result(index, query, order.tolist(), scores[order].tolist(), exact=True)

    @cached_property
    def substitutes(self) -> dict[str, frozenset[str]] | None:
        """Product id -> the products that a shopper would take in its place; None where the data does not say."""
        try:
            pairs = load_dataset(self._folder / "data")[0].substitutes
        except GenretError:
            return None
        found: dict[str, set[str]] = {}
        for one, other in pairs:
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
        return {one: frozenset(others) for one, others in found.items()} or None

    @cached_property
    def _bm25(self) -> tuple[Snapshot, Any, dict[str, int]]:
        from genret.data.records import Catalogue
        from genret.eval.systems.bm25 import BM25

        index = self._retriever.index.snapshot()
        positions = _positions(index)
        catalogue = Catalogue.from_products(index.products(positions))
        return index, BM25(catalogue), dict(zip(catalogue.ids, positions.tolist(), strict=True))

    @cached_property
    def _vectors(self) -> tuple[Snapshot, npt.NDArray[np.float32]]:
        index = self._retriever.index.snapshot()
        if index.embeddings is None:
            raise GenretError("this index holds no embeddings to search; build it again with the run's embeddings")
        vectors = np.zeros((index.trie.num_products, len(index.embeddings[np.zeros(1, np.int64)][0])), np.float32)
        positions = _positions(index)
        vectors[positions] = index.embeddings[positions]
        return index, vectors


def _positions(index: Snapshot) -> npt.NDArray[np.int64]:
    """(n,) the positions that can be found."""
    allowed = _mask(index, None)
    return np.arange(index.trie.num_products) if allowed is None else np.flatnonzero(allowed)


def _mask(index: Snapshot, where: str | None) -> npt.NDArray[np.bool_] | None:
    """(N,) whether each position is allowed; None where all are."""
    allowed = index.compile(where)
    if allowed is None:
        return None
    before = allowed.rank(np.arange(index.trie.num_products + 1))
    return np.diff(before) > 0


def _result(index: Snapshot, query: str, positions: list[int], scores: list[float], exact: bool) -> SearchResult:
    ids = map(tuple, index.trie.id_of(positions).tolist())
    products = index.products(positions)
    hits = tuple(
        Hit(product, float(score), rank, semantic_id)
        for rank, (product, score, semantic_id) in enumerate(zip(products, scores, ids, strict=True), start=1)
    )
    return SearchResult(query, hits, exact)
