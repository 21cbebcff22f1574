"""What the searches found, as arrays: by BM25, by nearest neighbours, reordered, fused.

The beam's own answer comes from `genret.search.beam`; here it is put beside the others. Every function takes one
snapshot of the index, whose filter it obeys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from genret.ground.errors import GenretError
from genret.index.snapshot import Snapshot
from genret.search.bits import Bools, Ints
from genret.search.fusion import Scored, fuse, union
from genret.search.ranking import Floats, best_rows
from genret.search.trie import Allowed


class Found(NamedTuple):
    """Products of each of Q queries, best first. Rows of fewer products end in -1 (scores: -inf)."""

    positions: Ints
    """(Q, k)"""
    scores: Floats
    """(Q, k), higher is better; what they are depends on the search."""
    certified: Bools
    """(Q,) True: the model scores no other product higher."""
    ids: Ints | None = None
    """(Q, k, L) their semantic IDs, where the search says them."""


def by_words(texts: Sequence[str], k: int, index: Snapshot, allowed: Allowed | None) -> Found:
    """The k products of highest BM25 score, of those that share a word with the query."""
    mask, lexical = _mask(allowed), index.text.lexical
    return _best((_kept(lexical.scores(lexical.words(text)), mask) for text in texts), k)


def by_neighbours(vectors: Floats, k: int, index: Snapshot, allowed: Allowed | None) -> Found:
    """The k products whose embeddings have the highest inner product with each row of (Q, D) `vectors`."""
    mask, size = _mask(allowed), index.trie.num_products
    products = np.asarray(_embeddings(index, np.arange(size)), np.float32)
    return _best((_kept(products @ vector, mask) for vector in vectors), k)


def reordered(found: Found, vectors: Floats, weight: float, index: Snapshot) -> Found:
    """The products in the order of cosine + weight * the score that they were found by."""
    return by_cosine(
        found, np.einsum("qkd,qd->qk", _embeddings(index, np.maximum(found.positions, 0)), vectors), weight
    )


def by_cosine(found: Found, cosines: Floats, weight: float) -> Found:
    """`reordered`, by (Q, k) cosines."""
    scores = np.where(found.positions >= 0, cosines, -np.inf).astype(np.float32)
    if weight:
        scores += np.float32(weight) * found.scores
    order = np.argsort(-scores, axis=1, kind="stable")
    uncertified = np.zeros(len(order), np.bool_)
    positions = np.take_along_axis(found.positions, order, axis=1)
    return Found(positions, np.take_along_axis(scores, order, axis=1), uncertified)


def fused(own: Found, words: Found, texts: Sequence[str], vectors: Floats, weight: float, index: Snapshot) -> Found:
    """Both lists in one, each product scored by both searches even where only one of them found it.

    `own` is ordered by cosine, or by cosine and something else, of which products that it lacks get the least of their
    query's list. `weight` is that of `words`, found by BM25, beside 1; of a query with words that came since the model
    was trained, `own` weighs less by their share.
    """
    lexical = index.text.lexical
    both = in_either(own, words)
    cosines = [_embeddings(index, one) @ vector for one, vector in zip(both, vectors, strict=True)]
    bm25 = [lexical.scores(lexical.words(text))[one] for one, text in zip(both, texts, strict=True)]
    shares = [index.text.learnt_share(text) for text in texts]
    return fused_by(own, words, Weights(cosines, bm25), shares, weight)


class Weights(NamedTuple):
    """What the products of each of Q queries weigh: for each query, an array as long as its products."""

    cosines: list[Floats]
    bm25: list[Floats]
    """-inf where a product shares no word with the query."""


def in_either(own: Found, words: Found) -> list[Ints]:
    """The positions of both lists of each query, each once."""
    return [union(first, second) for first, second in zip(own.positions, words.positions, strict=True)]


def fused_by(own: Found, words: Found, weights: Weights, shares: Sequence[float], weight: float) -> Found:
    """`fused`, by the weights of the products `in_either`, and by how much of each query was known in training."""
    rows = []
    for row, (positions, cosines, bm25) in enumerate(zip(in_either(own, words), *weights, strict=True)):
        kept = int((own.positions[row] >= 0).sum())
        scores = own.scores[row][:kept]
        beside = (scores - cosines[:kept]).min(initial=0.0)
        scores = np.concatenate([scores, cosines[kept:] + beside]).astype(np.float32)
        lists = Scored(scores, _least(own.scores[row])), Scored(bm25, _least(words.scores[row]))
        rows.append(_sorted(positions, fuse(lists, (shares[row], weight))))
    return padded(rows, own.positions.shape[1] + words.positions.shape[1])


def top(found: Found, k: int, cap: int | None, ids_of: Callable[[Ints], Ints]) -> Found:
    """The first k of each row; with `cap`, those that at most so many better ones share L1-L2 with are passed over.

    `ids_of`: (n,) positions -> (n, L) semantic IDs.
    """
    if cap is None:
        ids = None if found.ids is None else found.ids[:, :k]
        return Found(found.positions[:, :k], found.scores[:, :k], found.certified, ids)
    rows = []
    for positions, scores in zip(found.positions, found.scores, strict=True):
        positions, scores = positions[positions >= 0], scores[positions >= 0]
        seen: dict[tuple[int, ...], int] = {}
        kept = []
        for place, prefix in enumerate(map(tuple, ids_of(positions)[:, :2].tolist())):
            seen[prefix] = seen.get(prefix, 0) + 1
            if seen[prefix] <= cap:
                kept.append(place)
        rows.append((positions[kept[:k]], scores[kept[:k]]))
    return padded(rows, k)


def _embeddings(index: Snapshot, positions: Ints) -> Floats:
    if index.embeddings is None:
        raise GenretError("this index holds no embeddings to order products by; build it again with the run's own")
    return np.asarray(index.embeddings[positions], np.float32)


def _mask(allowed: Allowed | None) -> Bools | None:
    return None if allowed is None else allowed.mask()


def _kept(scores: Floats, mask: Bools | None) -> Floats:
    return scores if mask is None else np.where(mask, scores, np.float32(-np.inf))


def _best(scores: Iterable[Floats], k: int) -> Found:
    rows = []
    for row in scores:
        best = best_rows(row, k)
        rows.append((best, row[best]))
    return padded(rows, k)


def _least(scores: Floats) -> float:
    """The last of a list's scores; 0 of an empty list."""
    known = scores[scores > -np.inf]
    return float(known.min()) if len(known) else 0.0


def _sorted(positions: Ints, scores: Floats) -> tuple[Ints, Floats]:
    order = np.argsort(-scores, kind="stable")
    return positions[order], scores[order]


def padded(rows: Sequence[tuple[Ints, Floats]], width: int) -> Found:
    """Positions and scores, query by query, as arrays of so many columns; none of them certified."""
    positions = np.full((len(rows), width), -1, np.int64)
    scores = np.full((len(rows), width), -np.inf, np.float32)
    for row, (found, worth) in enumerate(rows):
        positions[row, : len(found)], scores[row, : len(found)] = found, worth
    return Found(positions, scores, np.zeros(len(rows), np.bool_))
