"""What the searches found, as arrays: by BM25, by nearest neighbours, reordered, fused.

The beam's own answer comes from `genret.search.beam`; here it is put beside the others. Every function takes one
snapshot of the index, whose filter it obeys, and all queries at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Floats, Ints
from genret.ground.errors import GenretError
from genret.index.lexical import scores_by_words
from genret.index.snapshot import Snapshot
from genret.search.fusion import Scored, fuse, least, union
from genret.search.ranking import best_columns, rank_in_group
from genret.search.trie import Allowed

AT_ONCE = 1 << 22
"""Numbers of embeddings, or scores, that are looked at at once: 16 MB."""


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


def uncertified(positions: Ints, scores: Floats) -> Found:
    """What a search found that certifies nothing."""
    return Found(positions, scores, np.zeros(len(positions), np.bool_))


def by_words(texts: Sequence[str], k: int, index: Snapshot, allowed: Allowed | None) -> Found:
    """The k products of highest BM25 score, of those that share a word with the query."""
    mask = _mask(allowed)
    return _joined([_best(scores, k, mask) for _, scores in scores_by_words(index.text.lexical, texts)])


def by_neighbours(vectors: Floats, k: int, index: Snapshot, allowed: Allowed | None) -> Found:
    """The k products whose embeddings have the highest inner product with each row of (Q, D) `vectors`."""
    mask, size = _mask(allowed), index.trie.num_products
    step = max(1, AT_ONCE // max(vectors.shape))
    found = uncertified(np.full((len(vectors), k), -1), np.full((len(vectors), k), -np.inf, np.float32))
    for start in range(0, size, step):
        some = slice(start, min(start + step, size))
        scores = vectors @ _embeddings(index, some).T  # (Q, n)
        if mask is not None:
            scores[:, ~mask[some]] = -np.inf
        positions, best = best_columns(scores, k)
        positions = np.concatenate([found.positions, np.where(positions < 0, -1, positions + start)], axis=1)
        found = in_order(uncertified(positions, np.concatenate([found.scores, best], axis=1)), k)
    return found


def reordered(found: Found, vectors: Floats, weight: float, index: Snapshot) -> Found:
    """The products in the order of cosine + weight * the score that they were found by."""
    return by_cosine(found, cosines_of(found.positions, vectors, index), weight)


def by_cosine(found: Found, cosines: Floats, weight: float) -> Found:
    """`reordered`, by (Q, k) cosines, -inf where there is no product."""
    scores = cosines + np.float32(weight) * found.scores if weight else cosines
    return in_order(uncertified(found.positions, scores), scores.shape[1])


def fused(
    own: Found, texts: Sequence[str], vectors: Floats, weight: float, index: Snapshot, allowed: Allowed | None
) -> Found:
    """`own` and as many products by BM25 in one list, each scored by both searches even where only one found it.

    `own` is ordered by cosine, or by cosine and something else, of which products that it lacks get the least of their
    query's list. `weight` is that of BM25, beside 1; of a query with words that came since the model was trained, `own`
    weighs less by their share.
    """
    shares = np.array([index.text.learnt_share(text) for text in texts])
    mask, found = _mask(allowed), []
    for rows, scores in scores_by_words(index.text.lexical, texts):
        mine = uncertified(own.positions[rows], own.scores[rows])
        words = _best(scores, mine.positions.shape[1], mask)
        positions = union(mine.positions, words.positions)
        weights = Weights(cosines_of(positions, vectors[rows], index), scores_at(positions, scores))
        found.append(fused_by(mine, words, positions, weights, (shares[rows], weight)))
    return _joined(found)


class Weights(NamedTuple):
    """What the products at (Q, n) positions weigh for their query; -inf where there is none, at -1."""

    cosines: Floats
    bm25: Floats
    """-inf also where a product shares no word with the query."""


def weights_of(texts: Sequence[str], vectors: Floats, positions: Ints, index: Snapshot) -> Weights:
    """Of the products at (Q, n) positions for the texts and their (Q, D) vectors."""
    lexical = index.text.lexical
    bm25 = [scores_at(positions[rows], scores) for rows, scores in scores_by_words(lexical, texts)]
    return Weights(cosines_of(positions, vectors, index), np.concatenate(bm25))


def fused_by(
    own: Found, words: Found, positions: Ints, weights: Weights, factors: tuple[npt.NDArray[np.float64], float]
) -> Found:
    """`fused`, by the weights of the (Q, n) `positions`, which are the `union` of both lists.

    `factors`: (Q,) of the own search, by how much of each query was known in training, and that of BM25.
    """
    kept = own.positions.shape[1]
    mine = weights.cosines[:, :kept]
    beside = np.subtract(own.scores, mine, out=np.zeros_like(mine), where=own.positions >= 0).min(1, initial=0)
    scores = np.concatenate([own.scores, weights.cosines[:, kept:] + beside[:, None]], axis=1)
    lists = Scored(scores, least(own.scores)), Scored(weights.bm25, least(words.scores))
    worth = np.where(positions < 0, np.float32(-np.inf), fuse(lists, factors))
    return in_order(uncertified(positions, worth), positions.shape[1])


def top(found: Found, k: int, cap: int | None, ids_of: Callable[[Ints], Ints]) -> Found:
    """The first k of each row; with `cap`, those that at most so many better ones share L1-L2 with are passed over.

    `ids_of`: (n,) positions -> (n, L) semantic IDs.
    """
    if cap is None:
        ids = None if found.ids is None else found.ids[:, :k]
        return Found(found.positions[:, :k], found.scores[:, :k], found.certified, ids)
    some = found.positions >= 0
    ids = ids_of(found.positions[some])
    groups = np.full(found.positions.shape, -1)
    groups[some] = ids[:, 0] if ids.shape[1] < 2 else ids[:, 0] * (int(ids[:, 1].max(initial=0)) + 1) + ids[:, 1]
    kept = some & (rank_in_group(found.scores, groups) < cap)
    positions, scores = np.where(kept, found.positions, -1), np.where(kept, found.scores, np.float32(-np.inf))
    return in_order(uncertified(positions, scores), k)


def in_order(found: Found, k: int) -> Found:
    """The k best of each row, best first; where scores tie, in the order in which they stand."""
    order = np.argsort(-found.scores, axis=1, kind="stable")[:, :k]
    positions, scores = np.take_along_axis(found.positions, order, 1), np.take_along_axis(found.scores, order, 1)
    return Found(positions, scores, found.certified)


def cosines_of(positions: Ints, vectors: Floats, index: Snapshot) -> Floats:
    """(Q, n) of the products at the positions with (Q, D) vectors; -inf at -1, where there is none."""
    cosines = np.einsum("qkd,qd->qk", _embeddings(index, np.maximum(positions, 0)), vectors)
    return np.where(positions >= 0, cosines, -np.inf).astype(np.float32)


def scores_at(positions: Ints, scores: Floats) -> Floats:
    """(Q, n) of (Q, N) BM25 `scores` those at the positions; -inf at -1, and where a product shares no word."""
    found = np.take_along_axis(scores, np.maximum(positions, 0), axis=1)
    return np.where((positions >= 0) & (found > 0), found, np.float32(-np.inf))


def _best(scores: Floats, k: int, mask: Bools | None) -> Found:
    """The k best by (Q, N) BM25 scores, of those that a mask allows."""
    return uncertified(*best_columns(scores if mask is None else np.where(mask, scores, np.float32(0)), k, above=0))


def _joined(parts: Sequence[Found]) -> Found:
    """Queries after queries; none of them certified."""
    return uncertified(np.concatenate([one.positions for one in parts]), np.concatenate([one.scores for one in parts]))


def _embeddings(index: Snapshot, positions: Any) -> Floats:
    """In float32, of a slice or an array of positions."""
    if index.embeddings is None:
        raise GenretError("this index holds no embeddings to order products by; build it again with the run's own")
    return np.asarray(index.embeddings[positions], np.float32)


def _mask(allowed: Allowed | None) -> Bools | None:
    return None if allowed is None else allowed.mask()
