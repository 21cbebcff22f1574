"""Do semantic IDs follow meaning? Agreement of pairs by depth, purity, similarity against depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Codes, Floats
from genret.ground.types import CategoryPath
from genret.tokenizer.paths import path_numbers

ANCHORS = 1000
MOST = 100_000
"""Products that anchors are compared with; of a larger catalogue, a sample."""
NEAR = 0.9


@dataclasses.dataclass(frozen=True)
class SimilarityDepth:
    """How embedding similarity and shared prefixes go together, from up to 1,000 anchors against every product, or
    against 100,000 drawn where there are more."""

    correlation: float | None
    """Spearman's rank correlation of cosine and shared-prefix length over pairs (anchor, its neighbour of rank 1, 2,
    4, 8, ...): every scale of similarity weighs the same."""
    correlation_random: float | None
    """The same over random pairs, nearly all of which are dissimilar."""
    shared_at_9: tuple[float, ...] | None
    """P(agree on L1, on L1-L2, ... | cosine >= 0.9)."""
    pairs_at_9: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SimilarityDepth:
        """What `dataclasses.asdict` made and JSON carried."""
        shares = value["shared_at_9"]
        return cls(**{**value, "shared_at_9": None if shares is None else tuple(shares)})


def agreement(a: Codes, b: Codes) -> npt.NDArray[np.bool_]:
    """(P, L) whether two (P, L) arrays of codes agree on L1, on L1-L2, ..."""
    out: npt.NDArray[np.bool_] = np.logical_and.accumulate(a == b, axis=1)
    return out


def shared_pairs(codes: Codes, pairs: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """(L,) share of the given (P, 2) pairs of rows that agree on L1, on L1-L2, ..."""
    return tuple(float(share) for share in agreement(codes[pairs[:, 0]], codes[pairs[:, 1]]).mean(0))


def prefix_numbers(codes: Codes) -> Codes:
    """(N, L): one number per distinct prefix at each depth."""
    out, parent = np.empty_like(codes), np.zeros(len(codes), np.int64)
    for level in range(codes.shape[1]):
        pair = parent * (int(codes[:, level].max(initial=0)) + 1) + codes[:, level]
        parent = np.unique(pair, return_inverse=True)[1].reshape(-1)
        out[:, level] = parent
    return out


def shared_within(codes: Codes, categories: Sequence[CategoryPath]) -> tuple[float, ...] | None:
    """(L,) share of all pairs of one category that agree on L1, on L1-L2, ...; None where no category holds two."""
    group = path_numbers(categories)
    filed = group >= 0
    group, prefixes = group[filed], prefix_numbers(codes[filed])
    pairs = _pairs(np.bincount(group)) if len(group) else 0.0
    if pairs == 0:
        return None
    joint = [_pairs(np.unique(group * len(group) + prefix, return_counts=True)[1]) for prefix in prefixes.T]
    return tuple(count / pairs for count in joint)


def _pairs(counts: npt.NDArray[np.int64]) -> float:
    return float((counts.astype(np.float64) * (counts - 1)).sum() / 2)


def purity_by_depth(
    codes: Codes, categories: Sequence[CategoryPath]
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """(L,) share of filed products in their prefix's majority leaf, by depth, and the same with shuffled IDs."""
    group = path_numbers(categories)
    filed = group >= 0
    if not filed.any():
        return None, None
    prefixes, group = prefix_numbers(codes[filed]), group[filed]
    shuffled = prefixes[np.random.default_rng(0).permutation(len(prefixes))]
    return tuple(purity(p, group) for p in prefixes.T), tuple(purity(p, group) for p in shuffled.T)


def purity(prefix: npt.NDArray[np.int64], group: npt.NDArray[np.int64]) -> float:
    """Share of products that belong to the majority group of their prefix."""
    pair, counts = np.unique(prefix * (int(group.max()) + 1) + group, return_counts=True)
    best = np.zeros(int(prefix.max()) + 1, np.int64)
    np.maximum.at(best, pair // (int(group.max()) + 1), counts)
    return float(best.sum() / len(prefix))


def similarity_depth(embeddings: Floats, codes: Codes) -> SimilarityDepth | None:
    """Similarity against depth over (N, D) embeddings and (N, L) codes; None with fewer than two products."""
    size = len(codes)
    if size < 2:
        return None
    if size > MOST:
        rows = np.sort(np.random.default_rng(0).choice(size, MOST, replace=False))
        embeddings, codes, size = embeddings[rows], codes[rows], MOST
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(0)
    anchors = rng.choice(size, min(ANCHORS, size), replace=False)
    ranks = np.unique(np.minimum(2 ** np.arange(int(np.log2(size - 1)) + 1), size - 1)) - 1
    near, near_pairs = np.zeros(codes.shape[1]), 0
    cosines, lengths = [], []
    for chunk in np.array_split(anchors, -(-len(anchors) // 100)):
        similar = unit[chunk] @ unit.T  # (C, N)
        similar[np.arange(len(chunk)), chunk] = -2.0  # itself, ranked last
        row, column = np.nonzero(similar >= NEAR)
        near += agreement(codes[chunk[row]], codes[column]).sum(0)
        near_pairs += len(row)
        ordered = np.argsort(-similar, axis=1, kind="stable")[:, ranks]  # (C, R)
        cosines.append(np.take_along_axis(similar, ordered, 1).ravel())
        lengths.append(_shared(codes, np.repeat(chunk, len(ranks)), ordered.ravel()))
    other = (anchors + rng.integers(1, size, len(anchors))) % size
    random = _spearman((unit[anchors] * unit[other]).sum(1), _shared(codes, anchors, other))
    return SimilarityDepth(
        correlation=_spearman(np.concatenate(cosines), np.concatenate(lengths)),
        correlation_random=random,
        shared_at_9=tuple(float(share) for share in near / near_pairs) if near_pairs else None,
        pairs_at_9=near_pairs,
    )


def _shared(codes: Codes, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.asarray(agreement(codes[a], codes[b]).sum(1), np.int64)


def _spearman(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> float | None:
    """Spearman's rank correlation; None where one of the two does not vary."""
    from scipy.stats import spearmanr

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(spearmanr(x, y).statistic)
