"""The health of a tokenizer: are its codes used, do they reconstruct, do they mean something?

Every figure is defined for one product, for no category, and for identical embeddings; NaN never appears: what cannot
be measured is None.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Codes, Floats
from genret.ground.artifacts import read_artifact, read_json
from genret.ground.errors import GenretError
from genret.ground.manifests import described
from genret.ground.types import CategoryPath
from genret.tokenizer.assign import PolicyEffect, buckets, collision_rate, moved, squared_error
from genret.tokenizer.judging.coherence import (
    SimilarityDepth,
    purity_by_depth,
    shared_pairs,
    shared_within,
    similarity_depth,
)
from genret.tokenizer.judging.health_text import format_health as format_health
from genret.tokenizer.tokenizer import Tokenizer, check_embeddings, id_sizes


@dataclass(frozen=True)
class LevelHealth:
    """How one level's codes are used."""

    level: int
    """From 1."""
    size: int
    used: int
    dead: int
    usage: float
    perplexity: float
    """2 ** entropy: the number of equally used codes that would be as spread out."""
    entropy: float
    """Bits."""
    largest_share: float
    """The share of products that hold the most frequent code."""
    gini: float
    """0 all codes equally used, towards 1 a few hold everything."""
    prefixes: int
    """Distinct prefixes that end at this level."""


@dataclass(frozen=True)
class Health:
    """Everything `genret tokenizer health` prints. Lists over levels or depths start at L1."""

    products: int
    levels: tuple[LevelHealth, ...]
    hourglass: float | None
    """Mean normalised entropy of the outer codebooks less that of the middle ones: above 0, the middle is narrow."""
    ids: int
    collisions: float
    """Share of products whose ID is not theirs alone."""
    largest_bucket: int
    bucket_sizes: Mapping[str, int]
    """Products in a bucket -> number of such buckets."""
    error: float
    """Squared reconstruction error as a share of the embeddings' variance: 1.0 is answering the mean."""
    cosine: float
    """Mean cosine of embeddings and their reconstruction."""
    same_leaf: tuple[float, ...] | None
    """Share of same-leaf pairs that agree on L1, on L1-L2, ...: all pairs, exact."""
    same_root: tuple[float, ...] | None
    """The same of pairs that share the topmost category."""
    substitutes: tuple[float, ...] | None
    """The same of the given substitute pairs."""
    purity: tuple[float, ...] | None
    """Share of products in the majority leaf of their prefix, by depth."""
    purity_shuffled: tuple[float, ...] | None
    """The same after shuffling the IDs among the products: what prefix sizes alone give."""
    similarity: SimilarityDepth | None
    policy: PolicyEffect | None = None
    """What the collision policy did; None in an artifact from before it was recorded."""
    codebooks: int | None = None
    """Levels with a codebook; one more in `levels` is a suffix. None: not recorded."""
    sampled: int | None = None
    """Of the figures that need embeddings or categories: how many products they were measured on. None: all."""

    @property
    def fragmentation(self) -> dict[str, tuple[float, ...]]:
        """Share of pairs that part at L1, at L2, ...: `same_leaf` and, where given, `substitutes`."""
        kinds = {"same_leaf": self.same_leaf, "substitutes": self.substitutes}
        return {name: _parting(shares) for name, shares in kinds.items() if shares is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain lists, dicts and numbers, with `fragmentation` spelled out."""
        return {**dataclasses.asdict(self), "fragmentation": self.fragmentation}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Health:
        """What `to_json` made, now or before the policy was recorded."""
        fields = {field.name: value[field.name] for field in dataclasses.fields(cls) if field.name in value}
        fields = {name: tuple(item) if isinstance(item, list) else item for name, item in fields.items()}
        fields["levels"] = tuple(LevelHealth(**level) for level in fields["levels"])
        if fields["similarity"] is not None:
            fields["similarity"] = SimilarityDepth.from_json(fields["similarity"])
        if fields.get("policy") is not None:
            fields["policy"] = PolicyEffect(**fields["policy"])
        return cls(**fields)


def health(
    tokenizer: Tokenizer,
    codes: npt.ArrayLike,
    embeddings: npt.ArrayLike,
    categories: Sequence[CategoryPath],
    substitutes: Sequence[tuple[int, int]] | npt.NDArray[np.int64] = (),
) -> Health:
    """The health of (N, L) codes of (N, D) embeddings; `substitutes` are pairs of rows. A function of its input."""
    array, ids = check_embeddings(embeddings, tokenizer.dim), np.asarray(codes, np.int64)
    if not len(array) == len(ids) == len(categories):
        raise GenretError(
            f"{len(ids)} codes, {len(array)} embeddings, {len(categories)} categories; expected one of each per product"
        )
    sizes = id_sizes(ids, tokenizer.codebook_sizes)
    levels = tuple(level_health(ids, level, size) for level, size in enumerate(sizes))
    _, bucket_sizes = buckets(ids)
    pure, shuffled = purity_by_depth(ids, categories)
    pairs = np.asarray(substitutes, np.int64).reshape(-1, 2)
    return Health(
        products=len(ids),
        levels=levels,
        hourglass=hourglass(levels[: len(tokenizer.codebook_sizes)]),
        ids=len(bucket_sizes),
        collisions=collision_rate(ids),
        largest_bucket=int(bucket_sizes.max(initial=0)),
        bucket_sizes={str(size): count for size, count in sorted(Counter(bucket_sizes.tolist()).items())},
        error=squared_error(tokenizer, array, ids),
        cosine=mean_cosine(array, tokenizer.decode(ids)),
        same_leaf=shared_within(ids, categories),
        same_root=shared_within(ids, [path[:1] for path in categories]),
        substitutes=shared_pairs(ids, pairs) if len(pairs) else None,
        purity=pure,
        purity_shuffled=shuffled,
        similarity=similarity_depth(array, ids),
        policy=policy_effect(tokenizer, array, ids),
        codebooks=len(tokenizer.codebook_sizes),
    )


def policy_effect(tokenizer: Tokenizer, embeddings: Floats, codes: Codes) -> PolicyEffect:
    """What the tokenizer's collision policy made of (N, D) embeddings: (N, L) codes against the nearest ones."""
    nearest, settings = tokenizer.encode(embeddings), tokenizer.settings
    refit = next((entry for entry in tokenizer.history if "refit_directions" in entry), None)
    return PolicyEffect(
        policy=settings.collisions,
        collisions_before=refit["collisions_unrefitted"] if refit else collision_rate(nearest),
        collisions_after=collision_rate(codes),
        moved=moved(nearest, codes),
        error_before=refit["error_unrefitted"] if refit else squared_error(tokenizer, embeddings, nearest),
        error_after=squared_error(tokenizer, embeddings, codes),
        limit=settings.max_collisions if settings.collisions == "bucket" else None,
    )


@described
def load_health(path: str | Path) -> Health:
    """The health that was saved with the tokenizer artifact at `path`."""
    value = read_json(read_artifact(path, "tokenizer").file("health.json"))
    if not value:
        raise GenretError(f"{path}: saved without its health; compute it with genret.tokenizer.judging.health")
    return Health.from_json(value)


def level_health(codes: Codes, level: int, size: int) -> LevelHealth:
    """The use of one level's codes."""
    return level_use(np.bincount(codes[:, level], minlength=size), level, len(buckets(codes[:, : level + 1])[1]))


def level_use(counts: npt.NDArray[np.int64], level: int, prefixes: int) -> LevelHealth:
    """The use of a level by its (K,) products per code, and the number of distinct prefixes that end there."""
    size = len(counts)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0
    used = int((counts > 0).sum())
    return LevelHealth(
        level=level + 1,
        size=size,
        used=used,
        dead=size - used,
        usage=used / size,
        perplexity=float(2**entropy),
        entropy=entropy,
        largest_share=float(shares.max(initial=0.0)),
        gini=gini(counts),
        prefixes=prefixes,
    )


def gini(counts: npt.NDArray[np.int64]) -> float:
    """The Gini coefficient of how often each code is used; 0 where nothing is."""
    total, n = counts.sum(), len(counts)
    if total == 0:
        return 0.0
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(counts) / (n * total))


def hourglass(levels: Sequence[LevelHealth]) -> float | None:
    """Normalised entropy of the outer levels less the middle ones' (Kuai et al. 2024); None under three levels.

    Of codebooks only: a suffix counts a bucket's members, and is no level in this sense.
    """
    if len(levels) < 3:
        return None
    normalised = [level.entropy / np.log2(level.size) if level.size > 1 else 0.0 for level in levels]
    return float((normalised[0] + normalised[-1]) / 2 - np.mean(normalised[1:-1]))


def mean_cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Mean cosine of the rows of two (N, D) arrays; 0 for no rows, and for rows of zeros."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(1) / np.maximum(norms, 1e-12)).mean()) if len(a) else 0.0


def _parting(shares: Sequence[float]) -> tuple[float, ...]:
    """Shares that agree on L1, L1-L2, ... -> shares that part at L1, at L2, ..."""
    return tuple(float(value) + 0.0 for value in -np.diff([1.0, *shares]))  # + 0.0: no -0.0
