"""95 % intervals of the ablation's differences, by bootstrap over arrays.

Every draw takes seeds with replacement, and with them products or queries: what is measured on other products, other
queries and another seed should lie in the interval. With one seed, an interval says nothing of other seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genret.eval.compare import Interval
from genret.eval.studies.substitutes import beam_shares

ROUNDS = 500
ASKED = ("recall@10", "recall@50", "nDCG@10")
"""Means over queries."""
SHARED = ("same_beam_10", "same_beam_50")
"""Shares over queries: of (found together, the first found, all), the first sum over the second."""
BOTH = ("both_found_10", "both_found_50")
"""The first sum over the third."""


def pair_interval(values: np.ndarray, ends: np.ndarray) -> Interval:
    """The mean of (S, P) values by seed and pair; drawn are seeds and products.

    Pairs (P, 2) that share a product are not independent; a pair counts as often as its two products were drawn
    (Owen's pigeonhole bootstrap, 2007).
    """
    rng = np.random.default_rng(0)
    seeds, products = len(values), int(ends.max()) + 1
    draws: list[float] = []
    while len(draws) < ROUNDS:
        drawn = np.bincount(rng.integers(products, size=products), minlength=products)
        weight = (drawn[ends[:, 0]] * drawn[ends[:, 1]]).astype(np.float64)  # (P,)
        chosen = values[rng.integers(seeds, size=seeds)].mean(0)
        if weight.sum():
            draws.append(float(chosen @ weight / weight.sum()))
    return _interval(float(values.mean()), np.array(draws))


def asked_names(columns: int) -> tuple[str, ...]:
    """The figures of (Q, F) arrays by their F: without substitutes there are no same-beam shares."""
    return ASKED if columns == len(ASKED) else (*ASKED, *SHARED, *BOTH)


def asked_figures(asked: np.ndarray) -> dict[str, float]:
    """The figures of one retriever, from (Q, F) what they are made of by query."""
    return dict(zip(asked_names(asked.shape[1]), _figures(asked.sum(0), len(asked)).tolist(), strict=True))


def asked_intervals(first: Sequence[np.ndarray], second: Sequence[np.ndarray] | None = None) -> dict[str, Interval]:
    """Each figure's mean over the seeds' (Q, F) arrays, or its difference to `second`'s; drawn: seeds and queries."""
    arrays = np.stack(first)  # (S, Q, F)
    others = None if second is None else np.stack(second)
    seeds, queries, columns = arrays.shape
    rng = np.random.default_rng(0)
    weights = rng.multinomial(queries, np.full(queries, 1 / queries), ROUNDS).astype(np.float64)  # (R, Q)
    taken = rng.multinomial(seeds, np.full(seeds, 1 / seeds), ROUNDS) / seeds  # (R, S)

    def drawn(of: np.ndarray) -> np.ndarray:
        return _figures(np.einsum("rq,sqf->rsf", weights, of, optimize=True), queries)  # (R, S, M)

    values, draws = _figures(arrays.sum(1), queries), drawn(arrays)
    if others is not None:
        values, draws = values - _figures(others.sum(1), queries), draws - drawn(others)
    means, spread = values.mean(0), np.einsum("rs,rsm->rm", taken, draws)
    return {
        name: _interval(float(mean), column)
        for name, mean, column in zip(asked_names(columns), means, spread.T, strict=True)
    }


def _figures(sums: np.ndarray, queries: int) -> np.ndarray:
    """(..., F) sums over queries -> (..., M) figures; a share of nothing is 0."""
    means = sums[..., : len(ASKED)] / queries
    if sums.shape[-1] == len(ASKED):
        return means
    counts = sums[..., len(ASKED) :].reshape(*sums.shape[:-1], len(SHARED), 3)
    shares = np.nan_to_num(beam_shares(counts))  # (..., 2 widths, 2 denominators)
    return np.concatenate([means, shares[..., 0], shares[..., 1]], axis=-1)


def _interval(value: float, draws: np.ndarray) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(value, float(low), float(high))
