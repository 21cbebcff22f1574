"""How likely a hit is to be relevant: a probability, calibrated on a run's judged queries and on nonsense.

It is read from what every search can know of a hit, however it was found: the cosine of its embedding with the query's,
the share of the query's words that its text answers, and the share that anybody knows. `calibrate.py` fits it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genret.ground.arrays import Floats, Ints
from genret.ground.artifacts import read_artifact, read_json
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult
from genret.index.snapshot import Snapshot
from genret.index.text import SnapshotText
from genret.pipeline.finding import Weights, weights_of

if TYPE_CHECKING:
    from genret.embed.embedder import Embedder
    from genret.pipeline.folder import RunFolder

KIND = "calibration"
FEATURES = ("cosine", "words answered", "words known")


@dataclass(frozen=True)
class Calibration:
    """A weighted sum of `FEATURES`, and a rising curve from it to the share of hits that were relevant."""

    weights: tuple[float, ...]
    sums: tuple[float, ...]
    shares: tuple[float, ...]
    """The curve: shares at these sums, straight in between."""

    def confidence(self, features: Floats) -> Floats:
        """(..., 3) -> (...) the probability that a hit is relevant."""
        return np.asarray(np.interp(features @ np.array(self.weights), self.sums, self.shares), np.float32)


def features(texts: Sequence[str], positions: Ints, embedder: Embedder, index: Snapshot) -> Floats:
    """(Q, k, 3) `FEATURES` of the products at (Q, k) positions for queries, as these were read; any for -1."""
    if index.embeddings is None:
        raise GenretError("this index holds no embeddings to tell confidence by; build it again with the run's own")
    return features_of(texts, index.text, weights_of(texts, embedder.encode(texts), positions, index))


def features_of(texts: Sequence[str], text: SnapshotText, weights: Weights) -> Floats:
    """`features`, by what the hits weigh."""
    sums = np.array([_known_and_all(text.lexical.words(query), text) for query in texts])[:, :, None]  # (Q, 2, 1)
    total = np.maximum(sums[:, 1], 1e-9)
    answered = np.maximum(weights.bm25, 0) / total.astype(np.float32)
    cosines = np.where(weights.cosines > -np.inf, weights.cosines, 0)
    return np.stack([cosines, answered, np.broadcast_to(sums[:, 0] / total, answered.shape)], axis=2, dtype=np.float32)


def confident(results: Iterable[SearchResult], confidences: Floats, least: float) -> Iterator[SearchResult]:
    """The results without hits of less confidence, the others with theirs of (Q, k) `confidences`."""
    for result, values in zip(results, confidences.tolist(), strict=True):
        rated = zip(result.hits, values, strict=False)
        kept = [hit._replace(confidence=value) for hit, value in rated if value >= least]
        yield replace(result, hits=tuple(hit._replace(rank=rank) for rank, hit in enumerate(kept, 1)))


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


def _known_and_all(words: Sequence[str], text: SnapshotText) -> tuple[float, float]:
    """How much a query's words say: those that anybody knows, and all.

    A word says as much as it is rare; one that nobody knows, as much as a word of one product.
    """
    rarest = np.log(1 + (text.lexical.base.documents + 0.5) / 1.5)
    weights = np.array([text.lexical.rarity(word) or rarest for word in words], np.float64)
    return float(weights[[word in text.lexical for word in words]].sum()) if words else 0.0, float(weights.sum())
