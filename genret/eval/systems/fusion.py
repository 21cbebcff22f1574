"""Fusion of runs: by reciprocal ranks, or by scaled scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genret.eval.runs import RankedList, Run, ranked
from genret.ground.errors import GenretError

K = 60.0


def reciprocal_rank_fusion(
    runs: Sequence[Run], depth: int = 100, k: float = K, weights: Sequence[float] | None = None
) -> dict[str, RankedList]:
    """Each query's products by falling sum of weight / (k + rank), to `depth`; ties by best rank, then by id.

    A product that a run lacks gets nothing from it. (Cormack, Clarke and Buettcher, SIGIR 2009, whose k is 60.)
    """
    if k <= 0:
        raise GenretError(f"fusion needs k > 0, got k={k}")
    return _fused(
        runs, depth, weights, lambda ranking: [1 / (k + rank) for rank in range(1, len(ranking.products) + 1)]
    )


def score_fusion(
    runs: Sequence[Run], depth: int = 100, weights: Sequence[float] | None = None
) -> dict[str, RankedList]:
    """Each query's products by falling weighted sum of scores, each list's scaled to 0 (its last) .. 1 (its first).

    A product that a run lacks gets 0 from it; ties by best rank, then by id. (The convex combination of Bruch, Gai and
    Ingber, TOIS 2023, who find it ahead of reciprocal ranks where its weight is tuned.)
    """
    return _fused(runs, depth, weights, _scaled)


def _scaled(ranking: RankedList) -> list[float]:
    """The scores from 0 to 1; all 1 where they are one and the same."""
    low, high = min(ranking.scores, default=0.0), max(ranking.scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranking.scores]


def _fused(
    runs: Sequence[Run], depth: int, weights: Sequence[float] | None, worth: Callable[[RankedList], Sequence[float]]
) -> dict[str, RankedList]:
    """Products by the weighted sum of what each list's places are worth."""
    if depth < 1:
        raise GenretError(f"fusion needs depth >= 1, got depth={depth}")
    factors = tuple(weights) if weights is not None else (1.0,) * len(runs)
    if len(factors) != len(runs) or not runs:
        raise GenretError(f"fusion needs one weight a run, got {len(factors)} weights for {len(runs)} runs")
    if min(factors) < 0 or sum(factors) <= 0:
        raise GenretError(f"fusion needs weights of 0 or more, not all 0, got {factors}")
    queries = dict.fromkeys(query for run in runs for query in run)
    return {query: _fuse([run.get(query) for run in runs], factors, depth, worth) for query in queries}


def _fuse(
    lists: Sequence[RankedList | None],
    weights: Sequence[float],
    depth: int,
    worth: Callable[[RankedList], Sequence[float]],
) -> RankedList:
    scores: dict[str, float] = {}
    best: dict[str, int] = {}
    for ranking, weight in zip(lists, weights, strict=True):
        if ranking is None:
            continue
        for rank, (product, value) in enumerate(zip(ranking.products, worth(ranking), strict=True), 1):
            scores[product] = scores.get(product, 0.0) + weight * value
            best[product] = min(rank, best.get(product, rank))
    order = sorted(scores, key=lambda product: (-scores[product], best[product], product))[:depth]
    return ranked(order, (scores[product] for product in order))
