"""The dense start: codebooks and token vectors in the embedding's own space, by least squares.

Any semantic IDs will do, however they were made: the codebooks are those whose sums best rebuild the embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from genret.ground.arrays import Floats, Ints


def additive_codebooks(codes: Ints, vectors: Floats, sizes: Sequence[int], sweeps: int = 3) -> list[Floats]:
    """A (K_l, D) codebook per level, such that the sum of a product's codewords is close to its vector.

    Coarse to fine, each codeword is the mean of what the other levels leave of its products (Babenko and Lempitsky
    2014, by coordinate descent); an unused codeword is zero.
    """
    books = [np.zeros((size, vectors.shape[1]), np.float32) for size in sizes]
    residual = np.asarray(vectors, np.float32).copy()
    for _ in range(sweeps):
        for level, book in enumerate(books):
            residual += book[codes[:, level]]
            book[:] = _means(codes[:, level], residual, len(book))
            residual -= book[codes[:, level]]
    return books


class Centred(NamedTuple):
    """A start in which the partial sum of any prefix's codewords and vectors is the mean of the products below it."""

    books: list[Floats]
    """A (K_l, D) codebook per level."""
    nodes: list[Floats]
    """(n_l, D) of the distinct prefixes of l + 1 codes, in ID order: what the codebooks leave over."""


def centred_codebooks(codes: Ints, vectors: Floats, sizes: Sequence[int]) -> Centred:
    """Codebooks and prefixes' vectors whose sum along a path is the mean vector of the products at its end.

    With them the logit of a prefix is the query's inner product with its centroid, which is what a search down a
    hierarchical clustering would score.
    """
    vectors = np.asarray(vectors, np.float32)
    node, above = np.zeros(len(codes), np.int64), np.zeros((1, vectors.shape[1]), np.float32)
    result = Centred([], [])
    for level, size in enumerate(sizes):
        keys, child = np.unique(node * size + codes[:, level], return_inverse=True)
        centre = _means(child, vectors, len(keys))
        parent, code = np.divmod(keys, size)
        shift = centre - above[parent]  # from the parent's centroid
        book = _means(codes[:, level], shift[child], size)
        result.books.append(book)
        result.nodes.append(shift - book[code])
        node, above = child, centre
    return result


def _means(codes: Ints, vectors: Floats, size: int) -> Floats:
    """(size, D) mean of the vectors of each code; zero for a code that none has."""
    chosen = sparse.csr_matrix((np.ones(len(codes), np.float32), (codes, np.arange(len(codes)))), (size, len(codes)))
    counts = np.maximum(np.bincount(codes, minlength=size), 1)[:, None]
    return np.asarray(chosen @ vectors / counts, np.float32)
