"""Small clustered catalogues that the tokenizer's tests train on."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)  # byte-for-byte equality holds for a number of threads


def make_clustered(products=600, dim=24, roots=3, parents=3, leaves=3, seed=0):
    """Embeddings around a three-level taxonomy's centres, and the category paths."""
    rng = np.random.default_rng(seed)
    centres: dict[tuple[str, ...], np.ndarray] = {}
    paths = [
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


@pytest.fixture(scope="session")
def clustered():
    return make_clustered()
