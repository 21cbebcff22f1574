"""Fewer products per ID: the last codebook refitted in few directions.

Residual k-means spends the last level's K codes on cells that are wide in every direction, so two products that agree
up to there and differ a little nearly always get the same last code too. Codewords that vary in m directions only cut
the space into K^(1/m) slices along each: thin ones, between which even near-duplicates part, for less of the variance.
m = d is k-means itself, m = 1 a scalar quantiser. `separating_codebook` finds the largest m that parts enough products.
"""

from __future__ import annotations

import numpy as np

from genret.ground.arrays import Codes, Floats
from genret.tokenizer.assign import collision_rate
from genret.tokenizer.learning.kmeans import kmeans, nearest

ITERATIONS = 10


def separating_codebook(
    residual: Floats, prefix: Codes, codebook: Floats, most: float, seed: int
) -> tuple[Floats, int] | None:
    """((K, d) codebook, m) for the (N, d) residuals of the last level; None where `codebook` is to stay.

    `prefix` (N, L - 1) are the codes before it. It stays if no more than a share `most` of the products share an ID
    with it, and if not even m = 1 achieves that: there, too many products are alike, or too many for the codes.
    """
    if collisions(residual, prefix, codebook) <= most:
        return None
    axes = np.linalg.eigh(residual.T.astype(np.float64) @ residual)[1][:, ::-1]  # (d, d), largest variance first
    best, low, high = None, 0, residual.shape[1]
    while high - low > 1:  # `low` is known to suffice (0: nothing yet), `high` is not
        m = 1 if best is None else (low + high) // 2
        found = _fit(residual, axes[:, :m].astype(np.float32), len(codebook), seed)
        if collisions(residual, prefix, found) <= most:
            best, low = found, m
        elif m == 1:
            return None
        else:
            high = m
    return None if best is None else (best, low)


def _fit(residual: Floats, axes: Floats, size: int, seed: int) -> Floats:
    """(K, d) codewords that lie in the space of the (d, m) axes: k-means of the residuals' shadows there."""
    shadows = np.ascontiguousarray(residual @ axes)
    return np.ascontiguousarray(kmeans(shadows, size, seed, iterations=ITERATIONS) @ axes.T)


def collisions(residual: Floats, prefix: Codes, codebook: Floats) -> float:
    """The share of products that would share their ID, coded at the last level by `codebook`."""
    return collision_rate(np.column_stack([prefix, nearest(residual, codebook)]))
