"""A bag of tokens fitted to vectors: what each token adds, by least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from genret.ground.arrays import Floats, Ints


def bag_of_vectors(
    tokens: npt.NDArray[np.int32], lengths: Ints, vectors: Floats, size: int, ridge: float = 1.0, steps: int = 15
) -> Floats:
    """(size, D) token vectors whose sum over a text points along the text's embedding, by ridge regression.

    `tokens` (n, T) padded texts with `lengths` (n,), `vectors` (n, D) their embeddings. Solved by conjugate gradients,
    all D columns at once; a start for training needs no more than a few steps. (scikit-learn's Ridge solves column by
    column to the end: the same, in five times the time, says eval/libraries.py.)
    """
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    rows, ids = np.nonzero(real)[0], tokens[real]
    weight = (np.maximum(lengths, 1) ** -0.5)[rows].astype(np.float32)
    bag = sparse.csr_matrix((weight, (rows, ids)), shape=(len(tokens), size))
    solution = np.zeros((size, vectors.shape[1]), np.float32)
    residual = np.asarray(bag.T @ np.asarray(vectors, np.float32))
    direction, norm = residual.copy(), (residual**2).sum(0)
    for _ in range(steps):
        image = bag.T @ (bag @ direction) + ridge * direction
        rate = norm / np.maximum((direction * image).sum(0), 1e-12)
        solution += rate * direction
        residual -= rate * image
        norm, before = (residual**2).sum(0), norm
        direction = residual + norm / np.maximum(before, 1e-12) * direction
    return solution
