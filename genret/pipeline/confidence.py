"""How likely a hit is to be relevant: a probability, calibrated on a run's judged queries and on nonsense.

It is read from what every search can know of a hit, however it was found: the cosine of its embedding with the query's,
the share of the query's words that its text answers, and the share that anybody knows. `calibrate.py` fits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genret.ground.artifacts import read_artifact, read_json
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult
from genret.index.snapshot import Snapshot
from genret.index.text import SnapshotText
from genret.search.ranking import Floats

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
        """(n, 3) -> (n,) the probability that a hit is relevant."""
        return np.asarray(np.interp(features @ np.array(self.weights), self.sums, self.shares), np.float32)


def features(result: SearchResult, embedder: Embedder, index: Snapshot) -> Floats:
    """(n, 3) `FEATURES` of a result's n hits, for the query as it was read."""
    if index.embeddings is None:
        raise GenretError("this index holds no embeddings to tell confidence by; build it again with the run's own")
    text = result.corrected or result.query
    vector = embedder.encode([text])[0]
    positions = np.array([index.position(hit.product.id) for hit in result.hits], np.int64)
    cosines = np.asarray(index.embeddings[positions], np.float32) @ vector
    return features_of(text, index.text, cosines, index.text.lexical.scores(index.text.lexical.words(text))[positions])


def features_of(query: str, text: SnapshotText, cosines: Floats, bm25: Floats) -> Floats:
    """`features`, by (n,) cosines and BM25 scores of the hits."""
    words = text.lexical.words(query)
    weights = _weights(words, text)
    total = max(float(weights.sum()), 1e-9)
    known = float(weights[[word in text.lexical for word in words]].sum()) if words else 0.0
    answered = np.maximum(bm25, 0)
    return np.stack([cosines, answered / total, np.full(len(bm25), known / total)], axis=1).astype(np.float32)


def confident(result: SearchResult, confidences: Floats, least: float) -> SearchResult:
    """The result without hits of less confidence, the others with theirs of (n,) `confidences`."""
    rated = zip(result.hits, confidences.tolist(), strict=True)
    kept = [hit._replace(confidence=value) for hit, value in rated if value >= least]
    return replace(result, hits=tuple(hit._replace(rank=rank) for rank, hit in enumerate(kept, 1)))


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


def _weights(words: Sequence[str], text: SnapshotText) -> npt.NDArray[np.float64]:
    """(n,) how much each word says: its rarity; of one that nobody knows, that of a word of one product."""
    rarest = np.log(1 + (text.lexical.base.documents + 0.5) / 1.5)
    return np.array([text.lexical.rarity(word) or rarest for word in words], np.float64)
