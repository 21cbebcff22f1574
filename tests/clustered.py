"""Small clustered catalogues that the tokenizer's tests train on."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Clustered: TypeAlias = "tuple[np.ndarray, list[tuple[str, ...]]]"
"""(N, D) float32 embeddings of length 1, and their category paths."""


def make_clustered(
    products: int = 600, dim: int = 24, roots: int = 3, parents: int = 3, leaves: int = 3, seed: int = 0
) -> Clustered:
    """Embeddings around a three-level taxonomy's centres, and the category paths."""
    rng = np.random.default_rng(seed)
    centres: dict[tuple[str, ...], np.ndarray] = {}
    paths: list[tuple[str, ...]] = [
        (
            f"r{i % roots}",
            f"p{i % roots}.{i // roots % parents}",
            f"l{i % roots}.{i // roots % parents}.{i // 9 % leaves}",
        )
        for i in range(products)
    ]
    for path in paths:
        for depth in range(1, 4):
            centres.setdefault(path[:depth], rng.normal(size=dim) / depth)
    rows = [sum(centres[path[:d]] for d in (1, 2, 3)) + rng.normal(size=dim) * 0.4 for path in paths]
    array = np.asarray(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True), paths
