"""Products whose codes and category disagree: often the label is wrong. Knows codes, categories and codebooks.

A product is judged by its neighbours in code space: the k products nearest to it by reconstruction (the sum of its
codewords), so that what the tokenizer stores is what speaks. Its disagreement is 1 less the smoothed share of its own
leaf among them, weighted by similarity; the leaf that they suggest is the heaviest other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.tokenizer.coherence import groups
from genret.types import CategoryPath

Floats = npt.NDArray[np.float32]
NEIGHBOURS = 20
CHUNK = 512


class Suspicion(NamedTuple):
    """One product that seems to be filed wrongly."""

    row: int
    score: float
    """0 to 1: the neighbours' weight on `suggested` less that on the product's own leaf."""
    filed: CategoryPath
    suggested: CategoryPath


class AuditScore(NamedTuple):
    """How well suspicions find products that are known to be misfiled."""

    flagged: int
    misfiled: int
    precision: float
    recall: float
    right_suggestion: float
    """Share of the misfiled products found whose suggested leaf is the true one."""


def audit(reconstructions: Floats, categories: Sequence[CategoryPath], at: float = 0.0) -> list[Suspicion]:
    """Suspicions with a score above `at`, the most suspicious first, for (N, D) reconstructions.

    Unfiled products are neither suspected nor heard.

    Cost: N^2 D multiplications, in blocks.
    """
    group = groups(categories)
    filed = np.flatnonzero(group >= 0)
    if len(filed) < 2:
        return []
    unit = reconstructions[filed]
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    leaf = group[filed]
    paths = {int(number): path for number, path in zip(group, categories, strict=True)}
    found: list[Suspicion] = []
    for start in range(0, len(filed), CHUNK):
        own, best, score = _vote(unit, leaf, np.arange(start, min(start + CHUNK, len(filed))))
        found += [
            Suspicion(int(filed[start + i]), float(score[i]), paths[int(own[i])], paths[int(best[i])])
            for i in np.flatnonzero(score > at)
        ]
    return sorted(found, key=lambda item: (-item.score, item.row))


def _vote(unit: Floats, leaf: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """(own leaf, heaviest other leaf, its margin over the own one) of each of `rows`."""
    similar = unit[rows] @ unit.T  # (C, N)
    similar[np.arange(len(rows)), rows] = -np.inf
    count = min(NEIGHBOURS, len(unit) - 1)
    near = np.argpartition(-similar, count - 1, axis=1)[:, :count]
    weight = np.maximum(np.take_along_axis(similar, near, 1), 0) ** 8  # the nearest speak loudest
    votes = np.zeros((len(rows), int(leaf.max()) + 1), np.float32)
    np.add.at(votes, (np.arange(len(rows))[:, None], leaf[near]), weight)
    votes /= np.maximum(votes.sum(1, keepdims=True), 1e-12)
    own = leaf[rows]
    mine = votes[np.arange(len(rows)), own]
    votes[np.arange(len(rows)), own] = -1
    best = votes.argmax(1)
    return own, best, votes[np.arange(len(rows)), best] - mine


def judge_audit(
    suspicions: Sequence[Suspicion], categories: Sequence[CategoryPath], true_categories: Sequence[CategoryPath]
) -> AuditScore:
    """Precision and recall of the suspicions where the true categories are known."""
    misfiled = {row for row, (filed, true) in enumerate(zip(categories, true_categories, strict=True)) if filed != true}
    hits = [suspicion for suspicion in suspicions if suspicion.row in misfiled]
    right = sum(true_categories[hit.row] == hit.suggested for hit in hits)
    return AuditScore(
        flagged=len(suspicions),
        misfiled=len(misfiled),
        precision=len(hits) / max(len(suspicions), 1),
        recall=len(hits) / max(len(misfiled), 1),
        right_suggestion=right / max(len(hits), 1),
    )
