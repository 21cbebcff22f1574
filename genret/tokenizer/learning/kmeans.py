"""k-means and residual k-means, by scikit-learn, defined also for too few or identical points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from genret.ground.arrays import Codes, Floats

SAMPLE = 50_000


def kmeans(
    points: Floats, k: int, seed: int = 0, *, init: Floats | None = None, iterations: int = 20, spread: bool = False
) -> Floats:
    """(k, d) centroids of (n, d) points: Lloyd's iterations from random points, or from the centroids `init`.

    `spread` starts from greedy k-means++ on a sample instead: some 3 % less error, for twice the time.

    Clusters that lose all their points restart at the points farthest from their centroid. Fitted on at most
    `SAMPLE` points. With fewer distinct points than k, the points are the centroids and the rest repeat the first:
    those codes are never nearest, and health reports them as unused.
    """
    if len(points) > SAMPLE:
        points = points[np.random.default_rng(seed).choice(len(points), SAMPLE, replace=False)]
    if len(points) <= 4 * k:
        distinct = np.unique(points, axis=0)
        if len(distinct) <= k:
            return np.concatenate([distinct, np.repeat(distinct[:1], k - len(distinct), axis=0)]).astype(np.float32)
    return _lloyd(points, k, seed, init, iterations, spread)


def _lloyd(points: Floats, k: int, seed: int, init: Floats | None, iterations: int, spread: bool) -> Floats:
    from sklearn.cluster import KMeans, kmeans_plusplus
    from sklearn.exceptions import ConvergenceWarning

    if init is None:
        rng = np.random.default_rng(seed)
        init = points[rng.choice(len(points), min(32 * k if spread else k, len(points)), replace=False)]
        init = kmeans_plusplus(init, k, random_state=seed)[0] if spread else init
    model = KMeans(k, init=init, n_init=1, max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters: defined, see above
        centers = model.fit(points).cluster_centers_
    return np.ascontiguousarray(centers, dtype=np.float32)


def nearest(points: Floats, centers: Floats, chunk: int = 16_384) -> Codes:
    """(n,) index of each point's nearest centroid; the lowest index where two are equally near."""
    norms = (centers**2).sum(1)
    parts = [(norms - 2 * points[i : i + chunk] @ centers.T).argmin(1) for i in range(0, len(points), chunk)]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def residual_kmeans(
    points: Floats,
    sizes: Sequence[int],
    seed: int = 0,
    *,
    init: Sequence[Floats] | None = None,
    iterations: int = 20,
    spread: bool = False,
) -> list[Floats]:
    """A codebook (K_l, d) per level: k-means of what the levels before leave over. `init` refines given codebooks."""
    residual, codebooks = points.copy(), []
    for level, size in enumerate(sizes):
        start = None if init is None else init[level]
        codebook = kmeans(residual, size, seed + level, init=start, iterations=iterations, spread=spread)
        residual -= codebook[nearest(residual, codebook)]
        codebooks.append(codebook)
    return codebooks
