"""Products whose words and category disagree: often the label is wrong.

A linear discriminant learns the leaves from the products' vectors, five folds, so that no product is judged by a model
that saw its label. Its odds are calibrated on the same folds. A product's score is the probability that its label is
wrong, if `PRIOR` of all labels are: by the odds of the best other leaf against its own. So the unlikeliest labels come
first, and not the products that could be anything. The vectors must not contain the category itself: it would speak for
whatever is filed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from genret.ground.arrays import Floats
from genret.ground.types import CategoryPath
from genret.tokenizer.paths import path_numbers

FOLDS = 5
PRIOR = 0.03
"""Share of labels taken to be wrong before looking."""
SHRINKAGE = 0.1
TEMPERATURES = tuple(2.0**power for power in range(-1, 8))
UNSEEN = -1e4
"""Log-odds of a leaf that the other folds do not hold."""


class Suspicion(NamedTuple):
    """One product that seems to be filed wrongly."""

    row: int
    score: float
    """0 to 1: the probability that `filed` is wrong and `suggested` right, if one of the two is."""
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


def audit(vectors: Floats, categories: Sequence[CategoryPath], at: float = 0.0) -> list[Suspicion]:
    """Suspicions with a score above `at`, the most suspicious first, for (N, D) vectors.

    Unfiled products are neither suspected nor heard; nor is the only product of a leaf, with which nothing compares.
    Fewer than two leaves of two products raise no suspicion.
    """
    group = path_numbers(categories)
    counts = np.bincount(group[group >= 0], minlength=1)
    rows = np.flatnonzero((group >= 0) & (counts[np.maximum(group, 0)] >= 2))
    leaves, leaf = np.unique(group[rows], return_inverse=True)
    if len(leaves) < 2:
        return []
    odds = log_odds(vectors[rows], leaf, len(leaves))
    mine = odds[np.arange(len(rows)), leaf]
    odds[np.arange(len(rows)), leaf] = -np.inf
    best = odds.argmax(1)
    margin = np.where(mine > UNSEEN, odds[np.arange(len(rows)), best] - mine, -np.inf)  # an unseen leaf says nothing
    score = 1 / (1 + np.exp(np.clip(np.log(1 / PRIOR - 1) - margin, -500, 500)))
    paths = {int(number): path for number, path in zip(group, categories, strict=True)}
    found = [
        Suspicion(int(rows[i]), float(score[i]), paths[int(leaves[leaf[i]])], paths[int(leaves[best[i]])])
        for i in np.flatnonzero(score > at)
    ]
    return sorted(found, key=lambda item: (-item.score, item.row))


def log_odds(vectors: Floats, leaf: npt.NDArray[np.int64], leaves: int) -> Floats:
    """(N, leaves) calibrated log-odds of each leaf for each product, by a discriminant that did not see the product."""
    odds = np.full((len(vectors), leaves), UNSEEN, np.float32)
    fold = np.random.default_rng(0).permutation(len(vectors)) % min(FOLDS, len(vectors))
    for number in range(fold.max() + 1):
        held = fold == number
        weights, offsets, classes = discriminant(vectors[~held], leaf[~held])
        odds[np.ix_(held, classes)] = vectors[held] @ weights.T + offsets
    known = odds[np.arange(len(odds)), leaf] > UNSEEN
    losses = [
        -log_softmax(odds[known] / t, axis=1)[np.arange(int(known.sum())), leaf[known]].mean() for t in TEMPERATURES
    ]
    best = TEMPERATURES[int(np.argmin(losses))] if known.any() else 1.0
    return np.where(odds > UNSEEN, odds / best, UNSEEN).astype(np.float32)


def discriminant(vectors: Floats, leaf: npt.NDArray[np.int64]) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """((C, D) weights, (C,) offsets, (C,) leaves) of a linear discriminant with a shrunken common covariance.

    (scikit-learn's gives the same in six times the time, since it shrinks leaf by leaf: eval/libraries.py.)
    """
    classes, index, counts = np.unique(leaf, return_inverse=True, return_counts=True)
    centre = np.zeros((len(classes), vectors.shape[1]), np.float64)
    np.add.at(centre, index, vectors)
    centre /= counts[:, None]
    spread = vectors - centre[index]
    covariance = spread.T @ spread / max(len(vectors), 1)
    level = max(float(np.trace(covariance)) / len(covariance), 1e-12)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, centre.T).T
    offsets = np.log(counts / counts.sum()) - (weights * centre).sum(1) / 2
    return weights.astype(np.float32), offsets.astype(np.float32), classes


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
