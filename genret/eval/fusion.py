"""Reciprocal rank fusion of runs. Knows ranks only."""

from __future__ import annotations

from collections.abc import Sequence

from genret.errors import GenretError
from genret.eval.runs import RankedList, Run, ranked

K = 60.0


def reciprocal_rank_fusion(
    runs: Sequence[Run], depth: int = 100, k: float = K, weights: Sequence[float] | None = None
) -> dict[str, RankedList]:
    """Each query's products by falling sum of weight / (k + rank), to `depth`; ties by best rank, then by id.

    A product that a run lacks gets nothing from it. (Cormack, Clarke and Buettcher, SIGIR 2009, whose k is 60.)
    """
    if k <= 0 or depth < 1:
        raise GenretError(f"fusion needs k > 0 and depth >= 1, got k={k}, depth={depth}")
    factors = tuple(weights) if weights is not None else (1.0,) * len(runs)
    if len(factors) != len(runs) or not runs:
        raise GenretError(f"fusion needs one weight a run, got {len(factors)} weights for {len(runs)} runs")
    queries = dict.fromkeys(query for run in runs for query in run)
    return {query: _fuse([run.get(query) for run in runs], factors, depth, k) for query in queries}


def _fuse(lists: Sequence[RankedList | None], weights: Sequence[float], depth: int, k: float) -> RankedList:
    scores: dict[str, float] = {}
    best: dict[str, int] = {}
    for ranking, weight in zip(lists, weights, strict=True):
        for rank, product in enumerate(ranking.products if ranking else (), 1):
            scores[product] = scores.get(product, 0.0) + weight / (k + rank)
            best[product] = min(rank, best.get(product, rank))
    order = sorted(scores, key=lambda product: (-scores[product], best[product], product))[:depth]
    return ranked(order, (scores[product] for product in order))
