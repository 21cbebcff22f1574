"""One list of two: the products that either of two searches found, scored by both, for Q queries at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Floats, Ints


class Scored(NamedTuple):
    """(Q, n) scores that one search gives to the products of both lists, and the least scores of its own lists."""

    scores: Floats
    """-inf where the search does not know the product."""
    least: Floats
    """(Q,)"""


def fuse(lists: tuple[Scored, Scored], weights: tuple[npt.NDArray[np.float64], float]) -> Floats:
    """(Q, n) from 0 to 1: the weighted mean of two scores, each scaled to 0 (the last of its own list) .. 1 (the best).

    The first search has (Q,) weights, the second one for all. What lies below the end of a search's own list gets 0
    from it. (The convex combination of Bruch, Gai and Ingber, TOIS 2023, where a product that one list lacks gets that
    search's score too.)
    """
    first, second = (_scaled(one) for one in lists)
    share, sums = (one.astype(np.float32)[:, None] for one in (weights[0], weights[0] + weights[1]))
    return np.asarray((share * first + np.float32(weights[1]) * second) / sums, np.float32)


def union(first: Ints, second: Ints) -> Ints:
    """(Q, a + b) the positions of (Q, a) and (Q, b) lists side by side, each once in a query: -1 where it was before.

    -1 is no position.
    """
    span = max(int(first.max(initial=0)), int(second.max(initial=0))) + 1
    query = np.arange(len(first))[:, None] * span
    known = np.isin(query + second, (query + first)[first >= 0])
    return np.concatenate([first, np.where(known & (second >= 0), -1, second)], axis=1)


def least(scores: Floats) -> Floats:
    """(Q,) the last of each list of (Q, n) scores, of which -inf is none; 0 of an empty list."""
    last = np.where(scores > -np.inf, scores, np.inf).min(1, initial=np.inf)
    return np.where(last < np.inf, last, 0).astype(np.float32)


def _scaled(one: Scored) -> Floats:
    known, low = one.scores > -np.inf, one.least[:, None]
    high = np.where(known.any(1), one.scores.max(1, initial=-np.inf), one.least)[:, None]
    apart = np.where(high > low, high - low, np.float32(1))
    return np.where(high > low, np.clip((np.where(known, one.scores, low) - low) / apart, 0, 1), known)
