"""Records as plain dicts and lists for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from time import time
from typing import TYPE_CHECKING, Any

from genret.ground.types import Hit, Product, SearchResult
from genret.pipeline.meaning import Facets, Meaning
from genret.pipeline.unfold import Unfolding

if TYPE_CHECKING:
    from genret.server.batching import Answer
    from genret.server.engine import Found
    from genret.server.runs import Served


def product_json(product: Product) -> dict[str, Any]:
    return {**product._asdict(), "attributes": dict(product.attributes), "numbers": dict(product.numbers)}


def hit_json(hit: Hit) -> dict[str, Any]:
    return {**hit._asdict(), "product": product_json(hit.product)}


def result_json(result: SearchResult, unfolding: Unfolding | None = None) -> dict[str, Any]:
    """One query's answer, with its beam if it was asked for."""
    body: dict[str, Any] = {
        "query": result.query,
        "hits": [hit_json(hit) for hit in result.hits],
        "exact": result.exact,
        "corrected": result.corrected,
        "unknown": result.unknown,
    }
    if result.missing:
        body["missing"] = result.missing
    return body if unfolding is None else {**body, "beam": beam_json(unfolding)}


def refused_json(query: str, message: str) -> dict[str, Any]:
    """One query of several that was not searched."""
    return {"query": query, "hits": [], "exact": False, "error": message}


def beam_json(unfolding: Unfolding) -> dict[str, Any]:
    return {
        "nodes": [node._asdict() for node in unfolding.nodes],
        "certificate": unfolding.certificate._asdict(),
        "kept": unfolding.kept,
    }


def why_json(found: Found) -> dict[str, Any]:
    """What became of a product."""
    why = found.why
    assert why is not None
    return {**why._asdict(), "product": product_json(why.product), "steps": [step._asdict() for step in why.steps]}


def meaning_json(meaning: Meaning) -> dict[str, Any]:
    shares = {name: [one._asdict() for one in getattr(meaning, name)] for name in ("categories", "brands", "words")}
    children = [child._asdict() for child in meaning.children]
    return {
        **meaning._asdict(),
        **shares,
        "children": children,
        "examples": [product_json(one) for one in meaning.examples],
    }


def facets_json(facets: Facets) -> dict[str, Any]:
    names = ("categories", "brands", "stores", "attributes")
    return {**{name: [one._asdict() for one in getattr(facets, name)] for name in names}, "prices": facets.prices}


def found_json(found: Found) -> dict[str, Any]:
    """What the engine found for one text."""
    assert found.result is not None
    return result_json(found.result, found.unfolding)


def times_json(answers: Sequence[Answer[Found]], started: float) -> dict[str, Any]:
    """How long a request took and where, and who answered; the times of several batches are added up."""
    took = {"took_ms": round((time() - started) * 1000, 3)}
    if not answers:
        return {**took, "times_ms": {}, "batch": 0}
    seconds: dict[str, float] = {"queue": max(answer.waited for answer in answers)}
    for batch in {id(answer.value.seconds): answer.value.seconds for answer in answers}.values():
        for stage, value in batch.items():
            seconds[stage] = seconds.get(stage, 0.0) + value
    last = answers[-1].value
    return {
        "run": last.run,
        "generation": last.generation,
        **took,
        "times_ms": {stage: round(value * 1000, 3) for stage, value in seconds.items()},
        "batch": max(answer.batch for answer in answers),
    }


def served_json(served: Served) -> dict[str, Any]:
    index = served.retriever.index
    return {
        "name": served.name,
        "generation": served.generation,
        "version": served.version,
        "products": len(index),
        "ids": index.trie.num_ids,
        "levels": index.trie.levels,
        "codebook_sizes": list(index.trie.codebook_sizes),
        "beam_width": served.retriever.beam_width,
        "since": round(served.since, 3),
    }
