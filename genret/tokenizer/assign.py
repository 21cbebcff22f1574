"""Semantic IDs for a catalogue: encode, then do what the collision policy says.

- `bucket`: products that share an ID keep it; search ranks them inside their bucket.
- `suffix`: one more code tells the members of a bucket apart, in catalogue order.
- `reassign`: products that share an ID move to the nearest free codeword of the last level, at least total distortion;
  where a prefix has more products than last codes, the ones that fit worst move to the next nearest prefix.

New products get IDs beside those `taken`, with nothing retrained and no old ID changed: under `reassign` they avoid
taken IDs, under `suffix` they go on counting, under `bucket` they join.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Codes, Floats
from genret.ground.errors import GenretError
from genret.search.trie import check_codes, sort_rows
from genret.search.vocab import MAX_CODEBOOK, MAX_LEVELS
from genret.tokenizer.settings import Collisions
from genret.tokenizer.tokenizer import Tokenizer, check_embeddings, id_sizes

ROWS = 1 << 16
"""Products whose errors are computed at once."""
OVERFLOW_TRIES = 32
"""How many prefixes, nearest first, are tried for a product whose own prefix is full."""


@dataclasses.dataclass(frozen=True)
class PolicyEffect:
    """What a collision policy did to N products. Shares are of the N.

    `before`: each product has the codes nearest to it. Where `bucket` refitted the last codebook, it is what was before
    that, as far as the tokenizer's history tells.
    """

    policy: str
    collisions_before: float
    """Share of products whose ID is not theirs alone."""
    collisions_after: float
    moved: float
    """Share of products that got other codes than the nearest; a suffix does not count."""
    error_before: float
    """Squared reconstruction error as a share of the variance."""
    error_after: float
    limit: float | None = None
    """`bucket` only: `max_collisions`, which `collisions_after` was to stay under."""


class Assignment(NamedTuple):
    """The semantic IDs of N products and what giving them did."""

    codes: Codes
    """(N, L), or (N, L + 1) with a suffix."""
    codebook_sizes: tuple[int, ...]
    """Codes per level of `codes` and of the IDs taken."""
    effect: PolicyEffect

    @property
    def report(self) -> dict[str, float]:
        """The figures of `effect` by name."""
        return {name: value for name, value in vars(self.effect).items() if name not in ("policy", "limit")}


def assign_ids(
    tokenizer: Tokenizer,
    embeddings: npt.ArrayLike,
    policy: Collisions | None = None,
    *,
    taken: npt.ArrayLike | None = None,
    suffix_codes: int | None = None,
) -> Assignment:
    """Semantic IDs for (N, D) embeddings under `policy` (the tokenizer's own `collisions` unless given).

    `taken` (M, L), or (M, L + 1) under `suffix`: the IDs of products that are there already. They stay, and count in
    what the report calls sharing. `suffix_codes`: how many suffixes a model can spell; products beyond share one.
    """
    array = check_embeddings(embeddings, tokenizer.dim)
    policy = policy or tokenizer.settings.collisions
    used = _check_taken(taken, tokenizer.codebook_sizes, policy)
    levels = len(tokenizer.codebook_sizes)
    before = tokenizer.encode(array)
    codes = before
    if policy == "suffix":
        codes = with_suffix(before, used)
        codes[:, -1] %= _positive("suffix_codes", suffix_codes) or len(codes) + len(used) + 1
    elif policy == "reassign":
        codes = reassign(before, tokenizer.latent(array), tokenizer.codebooks, used)
    effect = PolicyEffect(
        policy=policy,
        collisions_before=collision_rate(before, used[:, :levels]),
        collisions_after=collision_rate(codes, used),
        moved=moved(before, codes),
        error_before=squared_error(tokenizer, array, before),
        error_after=squared_error(tokenizer, array, codes),
    )
    return Assignment(codes, id_sizes(np.concatenate([codes, used]), tokenizer.codebook_sizes), effect)


def moved(before: Codes, after: Codes) -> float:
    """The share of products whose codes differ; levels that only `after` has, a suffix, do not count."""
    return float((after[:, : before.shape[1]] != before).any(1).mean()) if len(before) else 0.0


def settled_codes(codes: Codes) -> Codes:
    """(N, d) the first codes of (N, L), which no policy changes: new products meet only IDs that begin like them."""
    return codes[:, :-2]  # `reassign` moves the last code, and the one before where a prefix is full


def fewer(codes: Codes, gone: Codes) -> Codes:
    """(M, L) codes without a row for each of (n, L) that are gone, as far as there is one like it."""
    bucket, _ = buckets(np.concatenate([codes, gone]))
    mine = bucket[: len(codes)]
    less = np.bincount(bucket[len(codes) :], minlength=int(bucket.max(initial=-1)) + 1)
    return codes[_counted(mine) >= less[mine]]


def _check_taken(taken: npt.ArrayLike | None, sizes: tuple[int, ...], policy: Collisions) -> Codes:
    """(M, L) the IDs taken, checked; L counts the suffix that `policy` adds."""
    levels = len(sizes) + (policy == "suffix")
    if taken is None or not np.size(taken):
        return np.zeros((0, levels), np.int64)
    array = np.asarray(taken, np.int64)
    if array.ndim != 2 or array.shape[1] != levels:
        raise GenretError(
            f"taken of shape {array.shape}; expected (M, {levels}), the IDs that this tokenizer gives under "
            f"collisions={policy}; pass the codes saved with it, and the policy that they were given by"
        )
    check_codes(array[:, : len(sizes)], sizes)
    if policy == "suffix" and array[:, -1].min() < 0:
        raise GenretError(f"taken: suffix {int(array[:, -1].min())}; expected 0 or more: pass codes of `assign_ids`")
    return array


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise GenretError(f"{name}={value}; expected at least 1, or None for as many as it takes")
    return value


def squared_error(tokenizer: Tokenizer, embeddings: Floats, codes: Codes) -> float:
    """Reconstruction error of (N, D) embeddings as a share of their variance: 1.0 is answering the mean."""
    if not len(embeddings):
        return 0.0
    scale, errors = float(tokenizer.model.scale), np.empty(len(embeddings))
    for start in range(0, len(embeddings), ROWS):
        some = slice(start, start + ROWS)
        gap = (embeddings[some] - tokenizer.decode(codes[some])) / scale
        errors[some] = np.square(gap).sum(1, dtype=np.float64)
    return float(errors.mean())


def buckets(codes: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """((N,) the bucket of each product, (M,) the size of each bucket) for (N, L) codes; buckets in ID order."""
    if not len(codes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ordered = np.asarray(codes[order := _by_id(codes)])
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(1)
    bucket = np.empty(len(ordered), np.int64)
    bucket[order] = np.cumsum(begins) - 1
    return bucket, np.diff(np.append(np.flatnonzero(begins), len(ordered)))


def _by_id(codes: Codes) -> Codes:
    """(N,) the order that sorts (N, L) codes by ID."""
    sizes = (codes.max(0) + 1).tolist()
    if codes.shape[1] <= MAX_LEVELS and max(sizes) <= MAX_CODEBOOK:
        return sort_rows(codes, sizes)
    return np.lexsort(codes.T[::-1])  # a suffix on top of all levels, or of very many products


def collision_rate(codes: Codes, taken: Codes | None = None) -> float:
    """The share of products whose semantic ID is not theirs alone: another product's, or one of those `taken`."""
    bucket, sizes = buckets(_beside(codes, taken))
    return float((sizes[bucket[: len(codes)]] > 1).mean()) if len(codes) else 0.0


def with_suffix(codes: Codes, taken: Codes | None = None) -> Codes:
    """(N, L + 1): a last code that counts the members of each bucket in catalogue order.

    Beside `taken` (M, L + 1), each bucket goes on with the lowest numbers that are free.
    """
    if taken is None:
        return np.concatenate([codes, _counted(buckets(codes)[0])[:, None]], axis=1)
    bucket, sizes = buckets(_beside(codes, taken[:, :-1]))
    new, old = bucket[: len(codes)], bucket[len(codes) :]
    suffix = _counted(new)
    both = np.intersect1d(new, old)
    for number, rows, known in zip(both, _members(new, both), _members(old, both), strict=True):
        suffix[rows] = np.setdiff1d(np.arange(sizes[number]), taken[known, -1])[: len(rows)]
    return np.concatenate([codes, suffix[:, None]], axis=1)


def _members(groups: Codes, wanted: Codes) -> list[Codes]:
    """The rows of each group that is wanted (in ascending order), in row order."""
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.stack([wanted, wanted + 1]))
    return [order[start:stop] for start, stop in bounds.T]


def _counted(groups: Codes) -> Codes:
    """(N,) how many rows before it are of the same group."""
    order = np.argsort(groups, kind="stable")
    sizes = np.unique(groups, return_counts=True)[1]
    out = np.empty(len(groups), np.int64)
    out[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return out


def _beside(codes: Codes, taken: Codes | None) -> Codes:
    return codes if taken is None else np.concatenate([codes, taken])


def reassign(codes: Codes, latents: Floats, codebooks: Sequence[Floats], taken: Codes | None = None) -> Codes:
    """(N, L) codes that meet neither each other nor one of `taken` (M, L), as far as the last two levels have room.

    Others keep a shared ID. Products whose nearest ID is free and theirs alone may move to make room under a prefix.
    """
    count, codes = len(codes), _beside(codes, taken).copy()
    bucket, sizes = buckets(codes)
    shared = sizes[bucket[:count]] > 1
    if not shared.any():
        return codes[:count]
    prefix, _ = buckets(codes[:, :-1]) if codes.shape[1] > 1 else (np.zeros(len(codes), np.int64), None)
    crowded = np.unique(prefix[:count][shared])
    overflow: list[int] = []
    for rows in _members(prefix, crowded):
        overflow.extend(_spread(codes, rows[rows < count], codes[rows[rows >= count], -1], latents, codebooks))
    if overflow and codes.shape[1] > 1:
        _move_overflow(codes, sorted(overflow), latents, codebooks)
    return codes[:count]


def _residual(codes: Codes, latents: Floats, codebooks: Sequence[Floats]) -> Floats:
    """(n, d): what the given (n, l) codes leave of the latents."""
    residual = latents.copy()
    for level in range(codes.shape[1]):
        residual -= codebooks[level][codes[:, level]]
    return residual


def _distances(points: Floats, centers: Floats) -> Floats:
    return np.asarray((points**2).sum(1)[:, None] - 2 * points @ centers.T + (centers**2).sum(1), np.float32)


def _spread(codes: Codes, rows: Codes, held: Codes, latents: Floats, codebooks: Sequence[Floats]) -> list[int]:
    """Give the products of one prefix distinct last codes, none of those `held`, at least total distortion.

    Returns the rows that are left over.
    """
    from scipy.optimize import linear_sum_assignment

    free = np.setdiff1d(np.arange(len(codebooks[-1])), held)
    residual = _residual(codes[rows, :-1], latents[rows], codebooks)
    placed, chosen = linear_sum_assignment(_distances(residual, codebooks[-1][free]))  # of (n, F) costs
    codes[rows[placed], -1] = free[chosen]
    return [int(row) for row in np.delete(rows, placed)]


def _move_overflow(codes: Codes, overflow: list[int], latents: Floats, codebooks: Sequence[Floats]) -> None:
    """Move each product whose prefix is full to the nearest free (second to last, last) codeword pair."""
    last = len(codebooks[-1])
    taken: dict[tuple[int, ...], set[int]] = {}
    near = (
        np.isin(group := buckets(codes[:, :-2])[0], group[overflow])
        if codes.shape[1] > 2
        else np.ones(len(codes), np.bool_)
    )
    near[overflow] = False
    for code in codes[near].tolist():
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
