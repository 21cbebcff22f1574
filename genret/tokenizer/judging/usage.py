"""How codes are used, counted in parts that add up: for catalogues too large to be judged, or held, as a whole.

Figures that follow from codes alone are exact; those that need embeddings or categories are then a sample's.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genret.ground.arrays import Codes
from genret.tokenizer.assign import buckets
from genret.tokenizer.judging.health import Health, hourglass, level_use
from genret.tokenizer.tokenizer import Tokenizer


class Usage(NamedTuple):
    """Counts of (N, L) codes."""

    counts: tuple[Codes, ...]
    """Per level, (K,) products with each code."""
    prefixes: tuple[int, ...]
    """Per level, distinct prefixes that end there."""
    bucket_sizes: Mapping[int, int]
    """Products in a bucket -> number of such buckets."""

    @property
    def products(self) -> int:
        return sum(size * count for size, count in self.bucket_sizes.items())

    @property
    def ids(self) -> int:
        return sum(self.bucket_sizes.values())

    @property
    def collisions(self) -> float:
        """Share of products whose ID is not theirs alone."""
        shared = sum(size * count for size, count in self.bucket_sizes.items() if size > 1)
        return shared / self.products if self.products else 0.0


class Given(NamedTuple):
    """What giving a catalogue its IDs did."""

    nearest: Usage
    """Of the codes nearest to each product."""
    codes: Usage
    """Of those that it got."""
    moved: int
    """Products that got others than the nearest."""


def usage(codes: Codes, sizes: Sequence[int]) -> Usage:
    """The counts of (N, L) codes from codebooks of these sizes; a level beyond them, a suffix, is as large as it is."""
    levels = range(codes.shape[1])
    least = [*sizes, *[0] * codes.shape[1]]
    counts = tuple(np.bincount(codes[:, level], minlength=least[level]) for level in levels)
    prefixes = tuple(len(buckets(codes[:, : level + 1])[1]) for level in levels)
    return Usage(counts, prefixes, dict(Counter(buckets(codes)[1].tolist())))


def added(parts: Sequence[Usage]) -> Usage:
    """The counts of a catalogue by those of its parts, no two of which share an L1 code."""
    counts = []
    for level in zip(*(part.counts for part in parts), strict=True):
        total = np.zeros(max(map(len, level)), np.int64)
        for one in level:
            total[: len(one)] += one
        counts.append(total)
    prefixes = tuple(sum(level) for level in zip(*(part.prefixes for part in parts), strict=True))
    sizes: Counter[int] = Counter()
    for part in parts:
        sizes.update(part.bucket_sizes)
    return Usage(tuple(counts), prefixes, dict(sizes))


def given(nearest: Codes, codes: Codes, sizes: Sequence[int]) -> Given:
    """What was done to (N, L) nearest codes; `codes` may have a suffix beside them."""
    changed = int((codes[:, : nearest.shape[1]] != nearest).any(1).sum())
    return Given(usage(nearest, sizes), usage(codes, sizes), changed)


def all_given(parts: Sequence[Given]) -> Given:
    """The same of a catalogue by its parts, no two of which share an L1 code."""
    nearest, codes = added([part.nearest for part in parts]), added([part.codes for part in parts])
    return Given(nearest, codes, sum(part.moved for part in parts))


def of_whole(sample: Health, tokenizer: Tokenizer, whole: Given) -> Health:
    """The health of a catalogue: by its codes where these tell all, else by its sample's health."""
    codes, total = whole.codes, whole.codes.products
    levels = tuple(
        level_use(counts, level, prefixes)
        for level, (counts, prefixes) in enumerate(zip(codes.counts, codes.prefixes, strict=True))
    )
    policy = sample.policy
    if policy is not None:
        refit = any("refit_directions" in entry for entry in tokenizer.history)
        policy = dataclasses.replace(
            policy,
            collisions_before=policy.collisions_before if refit else whole.nearest.collisions,
            collisions_after=codes.collisions,
            moved=whole.moved / total if total else 0.0,
        )
    return dataclasses.replace(
        sample,
        products=total,
        levels=levels,
        hourglass=hourglass(levels[: len(tokenizer.codebook_sizes)]),
        ids=codes.ids,
        collisions=codes.collisions,
        largest_bucket=max(codes.bucket_sizes, default=0),
        bucket_sizes={str(size): count for size, count in sorted(codes.bucket_sizes.items())},
        policy=policy,
        sampled=sample.products,
    )
