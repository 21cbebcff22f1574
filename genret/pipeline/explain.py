"""The beam of one query as a tree of values: what was kept, what was pruned, and what lies below. Draws nothing.

The terminal, the report and the notebook format the same tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from genret.ground.percent import percent
from genret.ground.types import SemanticId
from genret.index.index import Index
from genret.search.beam import BeamTrace

LABEL_SAMPLE = 200
"""Products looked at to name a prefix."""


class BeamNode(NamedTuple):
    """A prefix of the beam. A leaf's `label` is a product's title, a prefix's the commonest category below it."""

    prefix: SemanticId
    score: float
    """Log-probability of the prefix in nats."""
    products: int
    """Products below it that the search may return."""
    label: str
    children: tuple[BeamNode, ...]
    pruned: tuple[tuple[SemanticId, float, int], ...]
    """The best prefixes dropped right below it: prefix, score, products below."""


def beam_tree(trace: BeamTrace, index: Index, width: int = 5, pruned: int = 2) -> BeamNode:
    """The kept prefixes that lead to the beam's best `width` IDs, and up to `pruned` dropped ones beside them.

    A trace of several queries gives the tree of the first.
    """
    levels = len(trace.levels)
    best = trace.levels[-1].kept_codes[0][:width] if levels else np.empty((0, 0), np.int64)
    alive = trace.levels[-1].kept_scores[0][:width] > -np.inf if levels else np.empty(0, bool)
    shown = {tuple(int(code) for code in row[:depth]) for row in best[alive] for depth in range(levels + 1)}
    kept = {prefix: value for prefix, *value in _prefixes(trace, "kept") if prefix in shown}
    lost = list(_prefixes(trace, "pruned"))
    return _node((), 0.0, index.trie.num_products, kept, lost, index, pruned)


def tree_json(node: BeamNode) -> dict[str, Any]:
    """The tree as plain dicts and lists."""
    return {**node._asdict(), "children": [tree_json(child) for child in node.children]}


def _node(
    prefix: SemanticId,
    score: float,
    products: int,
    kept: dict[SemanticId, list[float]],
    lost: list[tuple[SemanticId, float, int]],
    index: Index,
    pruned: int,
) -> BeamNode:
    below = sorted((p for p in kept if len(p) == len(prefix) + 1 and p[:-1] == prefix), key=lambda p: -kept[p][0])
    children = tuple(_node(p, kept[p][0], int(kept[p][1]), kept, lost, index, pruned) for p in below)
    dropped = [entry for entry in lost if entry[0][:-1] == prefix][:pruned]
    return BeamNode(prefix, score, products, _label(prefix, index), children, tuple(dropped))


def _prefixes(trace: BeamTrace, which: str) -> Iterator[tuple[SemanticId, float, int]]:
    """Every kept or pruned prefix of the first query: its codes, score and number of products below."""
    for level in trace.levels:
        codes = getattr(level, f"{which}_codes")[0]
        scores = getattr(level, f"{which}_scores")[0]
        products = getattr(level, f"{which}_products")[0]
        for row, score, count in zip(codes.tolist(), scores.tolist(), products.tolist(), strict=True):
            if score > -np.inf:
                yield tuple(row), score, count


def _label(prefix: SemanticId, index: Index) -> str:
    """What a prefix seems to mean: the commonest leaf category below it and its share; for an ID the first title."""
    if not prefix:
        return ""
    nodes = np.zeros(1, np.int64)
    for level, code in enumerate(prefix):
        nodes = index.trie.child(level, nodes, np.array([code]))
    start, stop = (int(bound[0]) for bound in index.trie.product_range(len(prefix), nodes))
    if len(prefix) == index.trie.levels:
        return index.product(start).title
    step = max(1, (stop - start) // LABEL_SAMPLE)
    products = index.products(np.arange(start, stop, step))
    leaf, count = Counter(p.category[-1] if p.category else "" for p in products).most_common(1)[0]
    return f"{leaf} {percent(count / len(products), 0)}" if leaf else products[0].title
