"""BM25 over the catalogue as a teacher: which products a short text fits, as soft targets that cost no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genret.data.product_text import product_text
from genret.data.pseudo_queries import WORD
from genret.data.records import Catalogue
from genret.ground.arrays import Floats, Ints
from genret.index.bm25 import bm25s


class Neighbours(NamedTuple):
    """For each of n texts, some products and their weights: rows[starts[i]:starts[i + 1]] are those of text i."""

    starts: Ints
    rows: Ints
    weights: Floats
    """Sum to 1 per text."""


class LexicalTeacher:
    """Which products a text fits, by BM25 (Robertson and Walker 1994) over the catalogue's text, as a distribution."""

    FIELDS = ("title", "brand", "category", "description", "attributes")

    def __init__(self, catalogue: Catalogue, rows: Ints, k1: float = 1.0, b: float = 0.5) -> None:
        """Only the given rows of the catalogue are ever neighbours."""
        self.rows, self.points = rows, k1 + 1
        products = list(catalogue)
        self._index = bm25s().BM25(method="lucene", k1=k1, b=b)
        texts = [product_text(products[row], self.FIELDS) for row in rows.tolist()]
        self._index.index([terms(text) for text in texts], show_progress=False)

    def neighbours(self, texts: Sequence[str], most: int, temperature: float) -> Neighbours:
        """The `most` best products of each text, weighted by softmax(score / temperature); none where no word fits."""
        most = min(most, len(self.rows))
        asked = [sorted(set(terms(text))) for text in texts]
        found = self._index.retrieve(asked, k=most, show_progress=False, backend_selection="numpy")
        scores = found.scores * self.points  # `lucene` leaves this factor of BM25 out
        known = scores > 0  # (texts, most); best first
        shares = np.where(known, np.exp((scores - scores[:, :1]) / temperature), 0.0)
        shares /= np.maximum(shares.sum(1, keepdims=True), 1e-9)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(known.sum(1))])
        return Neighbours(starts, self.rows[found.documents[known]], shares[known].astype(np.float32))


def terms(text: str) -> list[str]:
    """Lower-case words, plural s removed."""
    words = WORD.findall(text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]
