"""RUN/calibration: how likely hits are to be relevant, fitted on a run's judged queries and on nonsense."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genret.ground.artifacts import Artifact, read_artifact, write_artifact, write_json
from genret.ground.errors import GenretError
from genret.ground.types import Split
from genret.pipeline.confidence import FEATURES, KIND, features
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever

MOST_QUERIES, LEAST_QUERIES, NONSENSE, HITS = 1000, 20, 0.2, 10
"""Judged queries that are looked at, at most and at least; queries of nonsense beside them; hits of each."""


def calibrate(run: RunFolder, split: Split = "dev", seed: int = 0) -> Artifact:
    """RUN/calibration from the split's judged queries, and nonsense. Products without a judgement count as irrelevant.

    A GenretError where the split has fewer than 20 queries with a relevant product.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    dataset, retriever, rng = run.dataset(), Retriever.load(run.path), np.random.default_rng(seed)
    relevant: dict[str, set[str]] = {}
    for judgement in dataset.split_judgements(split):
        if judgement.grade >= dataset.relevant_at:
            relevant.setdefault(judgement.query_id, set()).add(judgement.product_id)
    asked = [query for query in dataset.split_queries(split) if query.id in relevant]
    if len(asked) < LEAST_QUERIES:
        raise GenretError(
            f"{run.path}: {len(asked)} queries of the {split} split have a relevant product, too few to calibrate on "
            f"(at least {LEAST_QUERIES}); give another --split, or judge some with `genret judge`"
        )
    asked = [asked[i] for i in np.sort(rng.permutation(len(asked))[:MOST_QUERIES])]
    texts = [query.text for query in asked] + _nonsense(round(len(asked) * NONSENSE), rng)
    ids = [relevant[query.id] for query in asked] + [set()] * (len(texts) - len(asked))
    rows, labels = _examples(retriever, texts, ids)
    weights = LogisticRegression(max_iter=1000).fit(rows, labels).coef_[0]
    curve = IsotonicRegression(out_of_bounds="clip").fit(rows @ weights, labels.astype(np.float64))
    settings = {"split": split, "queries": len(asked), "seed": seed}
    with write_artifact(run.path / KIND, KIND, settings, {"model": run.artifact("model").fingerprint}) as folder:
        found = {"weights": weights, "sums": curve.X_thresholds_, "shares": curve.y_thresholds_}
        values = {name: [float(value) for value in array] for name, array in found.items()}
        write_json(folder / "calibration.json", {"features": list(FEATURES), **values})
    return read_artifact(run.path / KIND, KIND)


def _examples(
    retriever: Retriever, texts: Sequence[str], relevant: Sequence[set[str]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the run's own default search finds for the texts: (n, 3) features, and (n,) whether it is relevant."""
    index, results = retriever.index.snapshot(), retriever.search(texts, k=HITS)
    positions = np.full((len(texts), HITS), -1)
    labels: list[bool] = []
    for row, (result, ids) in enumerate(zip(results, relevant, strict=True)):
        positions[row, : len(result)] = [index.position(hit.product.id) for hit in result]
        labels.extend(hit.product.id in ids for hit in result)
    read = [result.corrected or result.query for result in results]
    rows = features(read, positions, retriever.embedder, index)[positions >= 0]
    return rows, np.array(labels, np.bool_)


def _nonsense(count: int, rng: np.random.Generator) -> list[str]:
    """Queries of one to three words of random letters."""
    letters = np.array(list(string.ascii_lowercase))
    return [
        " ".join("".join(rng.choice(letters, rng.integers(4, 9))) for _ in range(rng.integers(1, 4)))
        for _ in range(count)
    ]
