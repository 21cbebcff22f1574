"""How likely a hit is to be relevant: a probability, calibrated on a run's judged queries and on nonsense.

It is read from what every search can know of a hit, however it was found: the cosine of its embedding with the query's,
the share of the query's words that its text answers, and the share that anybody knows. `calibrate` fits it.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genret.embed.embedder import Embedder
from genret.ground.artifacts import Artifact, read_artifact, read_json, write_artifact, write_json
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult, Split
from genret.index.snapshot import Snapshot
from genret.index.text import SnapshotText
from genret.search.ranking import Floats

if TYPE_CHECKING:
    from genret.pipeline.folder import RunFolder
    from genret.pipeline.retriever import Retriever

KIND = "calibration"
FEATURES = ("cosine", "words answered", "words known")
MOST_QUERIES, LEAST_QUERIES, NONSENSE, HITS = 1000, 20, 0.2, 10
"""Judged queries that are looked at, at most and at least; queries of nonsense beside them; hits of each."""


@dataclass(frozen=True)
class Calibration:
    """A weighted sum of `FEATURES`, and a rising curve from it to the share of hits that were relevant."""

    weights: tuple[float, ...]
    sums: tuple[float, ...]
    shares: tuple[float, ...]
    """The curve: shares at these sums, straight in between."""

    def confidence(self, features: Floats) -> Floats:
        """(n, 3) -> (n,) the probability that a hit is relevant."""
        return np.asarray(np.interp(features @ np.array(self.weights), self.sums, self.shares), np.float32)


def features(result: SearchResult, embedder: Embedder, index: Snapshot) -> Floats:
    """(n, 3) `FEATURES` of a result's n hits, for the query as it was read."""
    if index.embeddings is None:
        raise GenretError("this index holds no embeddings to tell confidence by; build it again with the run's own")
    text = result.corrected or result.query
    vector = embedder.encode([text])[0]
    positions = np.array([index.position(hit.product.id) for hit in result.hits], np.int64)
    words = index.text.lexical.words(text)
    weights = _weights(words, index.text)
    total = max(float(weights.sum()), 1e-9)
    known = float(weights[[word in index.text.lexical for word in words]].sum()) if words else 0.0
    answered = np.maximum(index.text.lexical.scores(words)[positions], 0)
    cosines = np.asarray(index.embeddings[positions], np.float32) @ vector
    return np.stack([cosines, answered / total, np.full(len(positions), known / total)], axis=1).astype(np.float32)


def calibrate(run: RunFolder, split: Split = "dev", seed: int = 0) -> Artifact:
    """RUN/calibration from the split's judged queries, and nonsense. Products without a judgement count as irrelevant.

    A GenretError where the split has fewer than 20 queries with a relevant product.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    from genret.pipeline.retriever import Retriever

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


def load_calibration(run: RunFolder) -> Calibration:
    """What `calibrate` wrote; a GenretError where there is none, or it is of another model."""
    path: Path = run.path / KIND
    remedy = f"run: genret calibrate {run.path}"
    if not path.exists():
        raise GenretError(f"{run.path} has no calibration to tell confidence by; {remedy}")
    artifact = read_artifact(path, KIND)
    if artifact.inputs.get("model") != run.artifact("model").fingerprint:
        raise GenretError(f"{path} is of another model than RUN/model; {remedy}")
    said = read_json(artifact.file("calibration.json"))
    return Calibration(tuple(said["weights"]), tuple(said["sums"]), tuple(said["shares"]))


def _examples(
    retriever: Retriever, texts: Sequence[str], relevant: Sequence[set[str]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the run's own default search finds for the texts: (n, 3) features, and (n,) whether it is relevant."""
    index, rows = retriever.index.snapshot(), []
    labels: list[bool] = []
    for result, ids in zip(retriever.search(texts, k=HITS), relevant, strict=True):
        rows.append(features(result, retriever.embedder, index))
        labels.extend(hit.product.id in ids for hit in result.hits)
    return np.concatenate(rows), np.array(labels, np.bool_)


def _weights(words: Sequence[str], text: SnapshotText) -> npt.NDArray[np.float64]:
    """(n,) how much each word says: its rarity; of one that nobody knows, that of a word of one product."""
    rarest = np.log(1 + (text.lexical.base.documents + 0.5) / 1.5)
    return np.array([text.lexical.rarity(word) or rarest for word in words], np.float64)


def _nonsense(count: int, rng: np.random.Generator) -> list[str]:
    """Queries of one to three words of random letters."""
    letters = np.array(list(string.ascii_lowercase))
    return [
        " ".join("".join(rng.choice(letters, rng.integers(4, 9))) for _ in range(rng.integers(1, 4)))
        for _ in range(count)
    ]
