"""BM25 as a system of an evaluation: the index's own, over a whole catalogue, in ranked lists."""

from __future__ import annotations

from collections.abc import Sequence

from genret.data.records import Catalogue
from genret.eval.runs import RankedList, ranked
from genret.ground.errors import GenretError
from genret.ground.types import Query
from genret.index.lexical import BM25Settings, Lexical, product_words, scores_by_words
from genret.search.ranking import best_columns


class BM25:
    """An index over a catalogue's `fields`; searched with exact scores (Lucene's variant), ties by product row."""

    def __init__(self, catalogue: Catalogue, settings: BM25Settings | None = None) -> None:
        self.settings = settings or BM25Settings()
        self.product_ids = catalogue.ids
        self._index = Lexical.build(product_words(catalogue, self.settings), self.settings)
        if not self._index.mean_length:
            raise GenretError("BM25 found no words in the catalogue's fields; choose other fields")

    @property
    def nbytes(self) -> int:
        """Of the index: its arrays, and its words as UTF-8 with a number each."""
        return self._index.nbytes

    def search(self, queries: Sequence[Query], k: int = 100) -> dict[str, RankedList]:
        """Up to k products per query, those that share at least one word with it."""
        found: dict[str, RankedList] = {}
        for rows, scores in scores_by_words(self._index, [query.text for query in queries]):
            positions, best = best_columns(scores, k, above=0)
            for query, own, worth in zip(queries[rows], positions, best, strict=True):
                some = own >= 0
                found[query.id] = ranked((self.product_ids[row] for row in own[some]), worth[some].tolist())
        return found
