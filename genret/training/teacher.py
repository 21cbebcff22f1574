"""BM25 over the catalogue as a teacher: which products a short text fits, as soft targets that cost no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from genret.data.product_text import product_text
from genret.data.pseudo_queries import WORD
from genret.data.records import Catalogue

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


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
        self.rows = rows
        products = list(catalogue)
        documents = [_terms(product_text(products[row], self.FIELDS)) for row in rows.tolist()]
        self._vocabulary: dict[str, int] = {}
        counts = self._counts(documents, grow=True)  # (N', terms)
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        found = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log1p((len(documents) - found + 0.5) / (found + 0.5)).astype(np.float32)
        norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1e-9)) if len(documents) else lengths
        row_of = np.repeat(np.arange(len(documents)), np.diff(counts.indptr))
        counts.data = counts.data * (k1 + 1) / (counts.data + norm[row_of]) * idf[counts.indices]
        self._index = counts.T.tocsr()  # (terms, N')

    def neighbours(self, texts: Sequence[str], most: int, temperature: float, chunk: int = 2048) -> Neighbours:
        """The `most` best products of each text, weighted by softmax(score / temperature); none where no word fits."""
        counts, rows, weights = [np.zeros(1, np.int64)], [], []
        for start in range(0, len(texts), chunk):
            queries = self._counts([_terms(text) for text in texts[start : start + chunk]], grow=False)
            queries.data[:] = 1.0
            scores = (queries @ self._index).tocsr()
            for first, last in zip(scores.indptr[:-1].tolist(), scores.indptr[1:].tolist(), strict=True):
                best = scores.data[first:last]
                keep = np.argpartition(-best, most)[:most] if last - first > most else np.arange(last - first)
                keep = keep[np.argsort(scores.indices[first:last][keep])]
                share = np.exp((best[keep] - best.max(initial=0.0)) / temperature)
                counts.append(np.asarray([len(keep)]))
                rows.append(self.rows[scores.indices[first:last][keep]])
                weights.append((share / max(float(share.sum()), 1e-9)).astype(np.float32))
        return Neighbours(
            np.cumsum(np.concatenate(counts)),
            np.concatenate([np.zeros(0, np.int64), *rows]),
            np.concatenate([np.zeros(0, np.float32), *weights]),
        )

    def _counts(self, documents: Sequence[Sequence[str]], grow: bool) -> sparse.csr_matrix:
        """(documents, terms) counts; unknown terms are learnt if `grow`, else left out."""
        vocabulary, starts, terms = self._vocabulary, [0], []
        for words in documents:
            for word in words:
                term = vocabulary.setdefault(word, len(vocabulary)) if grow else vocabulary.get(word, -1)
                if term >= 0:
                    terms.append(term)
            starts.append(len(terms))
        matrix = sparse.csr_matrix(
            (np.ones(len(terms), np.float32), np.asarray(terms, np.int32), np.asarray(starts, np.int64)),
            shape=(len(documents), max(len(vocabulary), 1)),
        )
        matrix.sum_duplicates()
        return matrix


def _terms(text: str) -> list[str]:
    """Lower-case words, plural s removed."""
    words = WORD.findall(text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]
