"""Semantic IDs for a catalogue: encode, then do what the collision policy says. Knows codes and latents; no products.

- `bucket`: products that share an ID keep it; search ranks them inside their bucket.
- `suffix`: one more code tells the members of a bucket apart, in catalogue order.
- `reassign`: products that share an ID move to the nearest free codeword of the last level, at least total distortion;
  where a prefix has more products than last codes, the ones that fit worst move to the next nearest prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.tokenizer.settings import Collisions
from genret.tokenizer.tokenizer import Tokenizer, check_embeddings, id_sizes

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
OVERFLOW_TRIES = 32
"""How many prefixes, nearest first, are tried for a product whose own prefix is full."""


class Assignment(NamedTuple):
    """The semantic IDs of N products and what giving them did."""

    codes: Codes
    """(N, L), or (N, L + 1) with a suffix."""
    codebook_sizes: tuple[int, ...]
    """Codes a level of `codes`."""
    report: dict[str, float]
    """collisions_before and _after (shares of products that share their ID), moved, error_before and _after."""


def assign_ids(tokenizer: Tokenizer, embeddings: npt.ArrayLike, policy: Collisions | None = None) -> Assignment:
    """Semantic IDs for (N, D) embeddings under `policy` (the tokenizer's own `collisions` unless given)."""
    array = check_embeddings(embeddings, tokenizer.dim)
    policy = policy or tokenizer.settings.collisions
    before = tokenizer.encode(array)
    codes = before
    if policy == "suffix":
        codes = with_suffix(before)
    elif policy == "reassign":
        codes = reassign(before, tokenizer.latent(array), tokenizer.codebooks)
    levels = len(tokenizer.codebook_sizes)
    report = {
        "collisions_before": collision_rate(before),
        "collisions_after": collision_rate(codes),
        "moved": float((codes[:, :levels] != before).any(1).mean()) if len(codes) else 0.0,
        "error_before": squared_error(tokenizer, array, before),
        "error_after": squared_error(tokenizer, array, codes),
    }
    return Assignment(codes, id_sizes(codes, tokenizer.codebook_sizes), report)


def squared_error(tokenizer: Tokenizer, embeddings: Floats, codes: Codes) -> float:
    """Reconstruction error of (N, D) embeddings as a share of their variance: 1.0 is answering the mean."""
    if not len(embeddings):
        return 0.0
    scale = float(tokenizer.model.scale)
    return float(np.square((embeddings - tokenizer.decode(codes)) / scale).sum(1, dtype=np.float64).mean())


def buckets(codes: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """((N,) the bucket of each product, (M,) the size of each bucket) for (N, L) codes; buckets in ID order."""
    if not len(codes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, bucket, sizes = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return bucket.reshape(-1), sizes


def collision_rate(codes: Codes) -> float:
    """The share of products whose semantic ID is not theirs alone."""
    bucket, sizes = buckets(codes)
    return float((sizes[bucket] > 1).mean()) if len(codes) else 0.0


def with_suffix(codes: Codes) -> Codes:
    """(N, L + 1): a last code that counts the members of each bucket in catalogue order."""
    bucket, sizes = buckets(codes)
    order = np.argsort(bucket, kind="stable")
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    suffix = np.empty(len(codes), np.int64)
    suffix[order] = np.arange(len(codes)) - starts
    return np.concatenate([codes, suffix[:, None]], axis=1)


def reassign(codes: Codes, latents: Floats, codebooks: Sequence[Floats]) -> Codes:
    """(N, L) codes without collisions, as far as the last two levels have room; others keep a shared ID."""
    codes = codes.copy()
    bucket, sizes = buckets(codes)
    if not len(codes) or sizes.max() == 1:
        return codes
    prefix, _ = buckets(codes[:, :-1]) if codes.shape[1] > 1 else (np.zeros(len(codes), np.int64), None)
    crowded = np.unique(prefix[sizes[bucket] > 1])
    overflow: list[int] = []
    order = np.argsort(prefix, kind="stable")
    bounds = np.searchsorted(prefix[order], np.stack([crowded, crowded + 1]))
    for start, stop in bounds.T:
        rows = order[start:stop]
        overflow.extend(_spread(codes, rows, latents, codebooks))
    if overflow and codes.shape[1] > 1:
        _move_overflow(codes, sorted(overflow), latents, codebooks)
    return codes


def _residual(codes: Codes, latents: Floats, codebooks: Sequence[Floats]) -> Floats:
    """(n, d): what the given (n, l) codes leave of the latents."""
    residual = latents.copy()
    for level in range(codes.shape[1]):
        residual -= codebooks[level][codes[:, level]]
    return residual


def _distances(points: Floats, centers: Floats) -> Floats:
    return np.asarray((points**2).sum(1)[:, None] - 2 * points @ centers.T + (centers**2).sum(1), np.float32)


def _spread(codes: Codes, rows: Codes, latents: Floats, codebooks: Sequence[Floats]) -> list[int]:
    """Give the products of one prefix distinct last codes, at least total distortion; returns the rows left over."""
    from scipy.optimize import linear_sum_assignment

    cost = _distances(_residual(codes[rows, :-1], latents[rows], codebooks), codebooks[-1])  # (n, K)
    placed, chosen = linear_sum_assignment(cost)
    codes[rows[placed], -1] = chosen
    return [int(row) for row in np.delete(rows, placed)]


def _move_overflow(codes: Codes, overflow: list[int], latents: Floats, codebooks: Sequence[Floats]) -> None:
    """Move each product whose prefix is full to the nearest free (second to last, last) codeword pair."""
    last = len(codebooks[-1])
    taken: dict[tuple[int, ...], set[int]] = {}
    waiting = set(overflow)
    for row, code in enumerate(codes.tolist()):
        if row not in waiting:
            taken.setdefault(tuple(code[:-1]), set()).add(code[-1])
    for row in overflow:
        head = codes[row : row + 1, :-2]
        residual = _residual(head, latents[row : row + 1], codebooks)
        for word in np.argsort(_distances(residual, codebooks[-2])[0], kind="stable")[:OVERFLOW_TRIES]:
            used = taken.setdefault((*head[0].tolist(), int(word)), set())
            if len(used) < last:
                cost = _distances(residual - codebooks[-2][word], codebooks[-1])[0]
                cost[list(used)] = np.inf
                codes[row, -2:] = word, int(cost.argmin())
                used.add(int(codes[row, -1]))
                break
