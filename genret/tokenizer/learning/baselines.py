"""Tokenizers without an encoder: residual k-means, and product quantization by faiss. Know embeddings only.

Both are residual quantizers over the standardised embedding. Product quantization becomes one by padding: level l's
codewords are zero outside of block l, so coding level after level equals coding each block on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from genret.ground.arrays import Floats
from genret.ground.errors import GenretError, require
from genret.tokenizer.learning.kmeans import residual_kmeans
from genret.tokenizer.learning.start import separate_products
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer


def fit_baseline(embeddings: Floats, settings: TokenizerSettings) -> Tokenizer:
    """A tokenizer by `rkmeans` or `pq` for (N, D) embeddings; lambda and everything about training is not used.

    Under `bucket` the last codebook is refitted to `max_collisions`, as after a training.
    """
    model = RQVAE(embeddings.shape[1], settings.codebook_sizes, settings.latent_dim, hidden=0)
    points = torch.from_numpy(embeddings)
    model.start_from(points)
    standardised = model.standardise(points).numpy()
    books = CODEBOOKS[settings.objective](standardised, settings.codebook_sizes, settings.seed)
    model.quantizer.load_codebooks([torch.from_numpy(book) for book in books])
    refit = separate_products(model, points, settings)
    return Tokenizer(model, settings, [{"step": 0, **refit}] if refit else [])


def residual_codebooks(points: Floats, sizes: tuple[int, ...], seed: int) -> list[Floats]:
    """L codebooks (K, D), each the k-means of what those before it leave."""
    return residual_kmeans(points, sizes, seed, iterations=40, spread=True)


def product_codebooks(points: Floats, sizes: tuple[int, ...], seed: int) -> list[Floats]:
    """L codebooks (K, D), each zero outside of its own block of dimensions, by faiss' k-means (Jegou et al. 2011)."""
    faiss = require("faiss", "eval")
    levels, dim = len(sizes), points.shape[1]
    if levels > dim:
        raise GenretError(f"product quantization of {dim} dimensions into {levels} blocks; use fewer levels")
    books = []
    for size, block in zip(sizes, np.array_split(np.arange(dim), levels), strict=True):
        part = np.ascontiguousarray(points[:, block])
        count = min(size, len(part))
        trainer = faiss.Kmeans(len(block), count, niter=25, seed=1 + seed, min_points_per_centroid=1)
        trainer.train(part)
        book = np.zeros((size, dim), np.float32)
        book[:count, block] = trainer.centroids
        book[count:, block] = trainer.centroids[:1]  # fewer products than codes: copies of the first, never nearest
        books.append(book)
    return books


CODEBOOKS: Mapping[str, Callable[[Floats, tuple[int, ...], int], list[Floats]]] = {
    "rkmeans": residual_codebooks,
    "pq": product_codebooks,
}
"""Objective without a loss -> its L codebooks (K, D), of (N, D) standardised embeddings, codebook sizes and a seed."""
