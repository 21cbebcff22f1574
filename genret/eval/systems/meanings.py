"""What each system of an evaluation is, in one line, for reports and documentation."""

from __future__ import annotations

from collections.abc import Mapping

from genret.eval.systems.bench import parts_of

MEANINGS: Mapping[str, str] = {
    "bm25": "BM25 over the products' words, with the usual parameters.",
    "bm25-tuned": "BM25 with parameters and fields chosen on the training queries.",
    "dense": "Exact nearest neighbours over the run's own embeddings: what the beam is built on.",
    "generative": "genret alone: the constrained beam, in the order of its own log-probabilities.",
    "generative-rescored": "The beam's products in the order of their embeddings' cosine with the query.",
    "generative-mixed": "The beam's products in the order of that cosine with the log-probability beside it.",
    "generative-spelled": "genret alone, words that nobody knows read as the nearest known ones.",
    "hybrid": "`genret search --hybrid`: the beam's and BM25's products in one list, each scored by both.",
    "hybrid-spelled": "Hybrid search, words that nobody knows read as the nearest known ones.",
    "minilm": "Exact nearest neighbours over a sentence encoder as it is.",
    "two-tower": "Exact nearest neighbours over a sentence encoder fine-tuned on the training queries.",
}


def meaning(name: str) -> str:
    """One line on a system, or on a fusion of several; empty for a system of the caller's own."""
    parts = parts_of(name)
    if len(parts) == 1:
        return MEANINGS.get(name, "")
    how = "by their scaled scores" if "~" in name else "by their ranks (reciprocal rank fusion)"
    return f"The lists of {' and '.join(parts)}, fused {how}."


def with_genret(name: str) -> bool:
    """Whether a system, or a part of a fusion, is genret's."""
    return any(part.startswith(("generative", "hybrid")) for part in parts_of(name))
