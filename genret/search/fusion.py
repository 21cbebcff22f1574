"""One list of two: the products that either of two searches found, scored by both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genret.search.ranking import Floats, Ints


class Scored(NamedTuple):
    """(n,) scores that one search gives to the products of both lists, and the least score of its own list."""

    scores: Floats
    """-inf where the search does not know the product."""
    least: float


def fuse(lists: tuple[Scored, Scored], weights: tuple[float, float]) -> Floats:
    """(n,) from 0 to 1: the weighted mean of two scores, each scaled to 0 (the last of its own list) .. 1 (the best).

    What lies below the end of a search's own list gets 0 from it. (The convex combination of Bruch, Gai and Ingber,
    TOIS 2023, where a product that one list lacks gets that search's score too.)
    """
    first, second = (_scaled(one) for one in lists)
    return np.asarray((weights[0] * first + weights[1] * second) / sum(weights), np.float32)


def union(first: Ints, second: Ints) -> Ints:
    """The positions of both lists, those of the first one first, each once; -1 is no position."""
    both = np.concatenate([first[first >= 0], second[second >= 0]])
    _, place = np.unique(both, return_index=True)
    return np.asarray(both[np.sort(place)])


def _scaled(one: Scored) -> Floats:
    known = one.scores > -np.inf
    high = one.scores[known].max() if known.any() else one.least
    if high <= one.least:
        return known.astype(np.float32)
    return np.clip((np.where(known, one.scores, one.least) - one.least) / (high - one.least), 0, 1)
