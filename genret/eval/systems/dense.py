"""Exact nearest neighbours over product embeddings, by faiss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genret.eval.runs import RankedList, ranked
from genret.ground.errors import GenretError, require

MARGIN = 32
"""Neighbours fetched beyond k, so that products tied at the cut are put in row order rather than in faiss's."""


class Dense:
    """An index of (N, D) float32 embeddings, one per product, searched by inner product."""

    def __init__(self, embeddings: npt.NDArray[np.float32], product_ids: Sequence[str]) -> None:
        if embeddings.ndim != 2 or len(embeddings) != len(product_ids):
            raise GenretError(f"expected (N, D) embeddings of {len(product_ids)} products, got {embeddings.shape}")
        faiss = require("faiss", "eval")
        self.product_ids = list(product_ids)
        self._index = faiss.IndexFlatIP(int(embeddings.shape[1]))
        self._index.add(np.ascontiguousarray(embeddings, dtype=np.float32))

    def search(self, query_ids: Sequence[str], vectors: npt.NDArray[np.float32], k: int = 100) -> dict[str, RankedList]:
        """The k products of highest inner product with each row of `vectors` (Q, D), ties by product row."""
        if vectors.ndim != 2 or len(vectors) != len(query_ids) or vectors.shape[1] != self._index.d:
            raise GenretError(
                f"expected ({len(query_ids)}, {self._index.d}) query vectors, got {vectors.shape}; embed queries and "
                "products with one model"
            )
        depth = min(k + MARGIN, len(self.product_ids))
        if not len(query_ids) or not depth:
            return {query: RankedList((), ()) for query in query_ids}
        scores, rows = self._index.search(np.ascontiguousarray(vectors, dtype=np.float32), depth)  # (Q, depth) twice
        return {query: self._ranked(rows[i], scores[i], k) for i, query in enumerate(query_ids)}

    def _ranked(self, rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], k: int) -> RankedList:
        order = np.lexsort((rows, -scores))[:k]
        return ranked((self.product_ids[row] for row in rows[order]), scores[order].tolist())
