"""One query's beam, unfolded for people: every prefix kept, pruned or shut out by the filter, and what is proven.

`unfold(retriever, query)` gives the tree as a flat list of nodes; `why_not(retriever, query, product)` follows one
product's ID down it, to the level at which it left the beam. Draws nothing: the explorer and the notebook do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch

from genret.ground.types import Product, SearchResult, SemanticId
from genret.index.snapshot import Snapshot
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamTrace, LevelTrace
from genret.search.ranking import product_span
from genret.search.trie import Allowed

State = Literal["kept", "pruned", "filtered"]
SHOWN = 48
"""Kept prefixes shown at each level, the best first; what leads to one of them is shown as well."""
GREYED = 12
"""Prefixes shown at each level that the filter shut out."""


class Ask(NamedTuple):
    """What is asked of a beam: the arguments of `Retriever.explain`."""

    query: str
    k: int = 10
    beam_width: int | None = None
    where: str | None = None


class Node(NamedTuple):
    """A prefix of the tree. A filtered one is in the beam without the filter, and has no product that it allows."""

    prefix: SemanticId
    state: State
    score: float
    """Log-probability in nats."""
    products: int
    """Products below it that the search may return."""
    total: int
    """Products below it, whatever the filter says."""


class Certificate(NamedTuple):
    """Why the answer is exact, or how far it is from being proven."""

    proven: bool
    least: float | None
    """The score of the last of k hits; None where there are fewer."""
    bound: float | None
    """The score of the best prefix that was dropped: no product outside the answer scores higher. None: none was."""


class Unfolding(NamedTuple):
    """A search and the beam behind it."""

    result: SearchResult
    certificate: Certificate
    nodes: tuple[Node, ...]
    """Level by level, the best first; the parent of each stands before it."""
    kept: tuple[int, ...]
    """Prefixes kept at each level, shown or not."""


class Step(NamedTuple):
    """One level of a product's ID."""

    prefix: SemanticId
    score: float
    worst_kept: float | None
    """The score of the last prefix that this level kept; None where it kept all that there were."""
    kept: bool


class WhyNot(NamedTuple):
    """Where a product's ID left the beam. `outcome`: a hit; kept but below the first k; pruned; or not allowed."""

    product: Product
    semantic_id: SemanticId
    outcome: Literal["hit", "below", "pruned", "filtered"]
    steps: tuple[Step, ...]
    left_at: int | None
    """The level, from 1, at which it was pruned."""
    short_by: float | None
    """How many nats it lacked there."""
    rank: int | None
    """Among all products that the beam found, from 1."""


def unfold(retriever: Retriever, ask: Ask) -> Unfolding:
    """The search and its beam: the prefixes kept, the best of those pruned, and those that the filter shut out."""
    result, trace = retriever.explain(ask.query, ask.k, beam_width=ask.beam_width, where=ask.where)
    index = retriever.index.snapshot()
    nodes = {prefix: _node(index, prefix, "kept", score, count) for prefix, score, count in _shown_kept(trace)}
    for level in trace.levels:
        for prefix, score, count in _prefixes(level, "pruned"):
            if prefix[:-1] in nodes or len(prefix) == 1:
                nodes[prefix] = _node(index, prefix, "pruned", score, count)
    if ask.where is not None:
        _, free = retriever.explain(ask.query, ask.k, beam_width=ask.beam_width)
        for node in _shut_out(index, free, index.compile(ask.where)):
            if len(node.prefix) == 1 or node.prefix[:-1] in nodes:
                nodes.setdefault(node.prefix, node)
    ordered = sorted(nodes.values(), key=lambda node: (len(node.prefix), -node.score))
    kept = tuple(sum(1 for _ in _prefixes(level, "kept")) for level in trace.levels)
    return Unfolding(result, certificate(result, trace, ask.k), tuple(ordered), kept)


def certificate(result: SearchResult, trace: BeamTrace, k: int) -> Certificate:
    """What the trace of a search proves about its result."""
    least = result.hits[-1].score if len(result.hits) == k else None
    dropped = [score for level in trace.levels[:-1] for _, score, _ in _prefixes(level, "pruned")]
    return Certificate(result.exact, least, max(dropped, default=None))


def why_not(retriever: Retriever, ask: Ask, product_id: str) -> WhyNot:
    """What became of a product in the search. A GenretError if the index does not hold it."""
    index = retriever.index.snapshot()
    position = index.position(product_id)
    semantic_id: SemanticId = tuple(index.trie.id_of([position])[0].tolist())
    result, trace = retriever.explain(ask.query, ask.k, beam_width=ask.beam_width, where=ask.where)
    width = max(ask.k, retriever.beam_width if ask.beam_width is None else ask.beam_width)
    wide = retriever.search(ask.query, width, beam_width=width, where=ask.where)
    rank = next((hit.rank for hit in wide.hits if hit.product.id == product_id), None)
    steps = tuple(_steps(trace, width, semantic_id, path_scores(retriever, ask.query, index, semantic_id)))
    left = next((step for step in steps if not step.kept), None)
    allowed = index.compile(ask.where)
    if allowed is not None and not _holds(allowed, position):
        return WhyNot(index.product(position), semantic_id, "filtered", steps, None, None, None)
    if any(hit.product.id == product_id for hit in result.hits):
        return WhyNot(index.product(position), semantic_id, "hit", steps, None, None, rank)
    if left is None:
        return WhyNot(index.product(position), semantic_id, "below", steps, None, None, rank)
    short = None if left.worst_kept is None else max(0.0, left.worst_kept - left.score)
    return WhyNot(index.product(position), semantic_id, "pruned", steps, len(left.prefix), short, None)


@torch.inference_mode()
def path_scores(retriever: Retriever, query: str, index: Snapshot, semantic_id: SemanticId) -> list[float]:
    """The log-probability of each prefix of an ID, L1 first, whether or not a beam would keep it."""
    decoder = retriever.decoder([query], index)
    scores, total, codes = list[float](), 0.0, None
    for level, code in enumerate(semantic_id):
        parents = None if codes is None else torch.zeros(1, 1, dtype=torch.int64, device=codes.device)
        step = decoder.step(level, codes, parents)  # (1, 1, K)
        total += float(step[0, 0, code])
        scores.append(total)
        codes = torch.tensor([[code]], dtype=torch.int64, device=step.device)
    return scores


def _steps(trace: BeamTrace, width: int, semantic_id: SemanticId, scores: list[float]) -> Iterator[Step]:
    """The ID's prefixes against what each level kept, as far as the beam went with it."""
    for depth, (level, score) in enumerate(zip(trace.levels, scores, strict=False), 1):
        prefix = semantic_id[:depth]
        kept = {found: value for found, value, _ in _prefixes(level, "kept")}
        worst = min(kept.values(), default=None) if len(kept) >= width else None
        yield Step(prefix, score, worst, prefix in kept)


def _shown_kept(trace: BeamTrace) -> list[tuple[SemanticId, float, int]]:
    """The best kept prefixes of every level, with all that lead to them."""
    levels = [list(_prefixes(level, "kept")) for level in trace.levels]
    chosen = {prefix[:depth] for level in levels for prefix, _, _ in level[:SHOWN] for depth in range(len(prefix) + 1)}
    return [entry for level in levels for entry in level if entry[0] in chosen]


def _shut_out(index: Snapshot, free: BeamTrace, allowed: Allowed | None) -> Iterable[Node]:
    """The prefixes of the search without the filter below which it allows nothing, parents first."""
    for level in free.levels:
        shown = 0
        for prefix, score, _ in _prefixes(level, "kept"):
            if shown < GREYED and not _span(index, prefix, allowed):
                shown += 1
                yield _node(index, prefix, "filtered", score, 0)


def _node(index: Snapshot, prefix: SemanticId, state: State, score: float, products: int) -> Node:
    return Node(prefix, state, score, products, _span(index, prefix, None))


def _span(index: Snapshot, prefix: SemanticId, allowed: Allowed | None) -> int:
    """How many products lie below a prefix, and are allowed."""
    nodes = node_of(index, prefix)
    start, stop = product_span(index.trie, len(prefix), nodes, allowed)
    return int(stop[0] - start[0])


def node_of(index: Snapshot, prefix: SemanticId) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(1,) the trie's node of a prefix, -1 where it has none."""
    nodes = np.full(1, index.trie.root, np.int64)
    for level, code in enumerate(prefix):
        nodes = index.trie.child(level, nodes, np.array([code], np.int64))
    return nodes


def _holds(allowed: Allowed, position: int) -> bool:
    before, after = allowed.rank(np.array([position, position + 1], np.int64)).tolist()
    return bool(after > before)


def _prefixes(level: LevelTrace, which: Literal["kept", "pruned"]) -> Iterator[tuple[SemanticId, float, int]]:
    """The kept or pruned prefixes of one level of the first query, best first: codes, score, products allowed below."""
    rows = (level.kept_codes, level.kept_scores, level.kept_products)
    if which == "pruned":
        rows = (level.pruned_codes, level.pruned_scores, level.pruned_products)
    for codes, score, count in zip(*(row[0].tolist() for row in rows), strict=True):
        if score > -np.inf:
            yield tuple(codes), score, count
