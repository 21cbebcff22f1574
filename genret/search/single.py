"""Beam search of one query alone on a CPU: what `beam_search` finds, in a tenth of the operations.

`beam_search` scores every code after every prefix, for many queries together. One query alone waits for the overhead of
those operations, not for the arithmetic. Here a decoder scores only the children that exist, in flat numpy arrays of
some hundred numbers, and nothing is padded. Ranking and proof are those of `beam.py`; scores agree to rounding. Caps on
a prefix, traces and the second pass of an exact search are left to `beam.py`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings
from genret.search.bits import Ints
from genret.search.level import Children
from genret.search.pruning import NEVER, NOT_NUMBERS
from genret.search.ranking import Floats, rank_products
from genret.search.trie import Allowed, Trie


class Scored(NamedTuple):
    """The prefixes one code longer than some rows, in ID order."""

    rows: Ints
    """(C,) which row each continues."""
    codes: Ints
    """(C,)"""
    scores: Floats
    """(C,) log-probabilities of the codes."""


class SingleDecoder(Protocol):
    """One encoded query, decoded level by level along the prefixes that the model knows."""

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows, with log-probabilities normalised over all codes of the level.

        Level 0: `kept` is None, and the row is the root. Level l > 0: the rows are those of the children that the call
        before returned at the places `kept` (B,), ascending.
        """
        ...


def search_single(
    decoder: SingleDecoder, trie: Trie, settings: BeamSettings, allowed: Allowed | None = None
) -> BeamResult | None:
    """What the first pass of `beam_search` finds for the one query of a decoder.

    None where it takes `beam_search` to say: nothing is allowed, or the trie has a prefix that the decoder has not.
    """
    if not (trie.num_products if allowed is None else allowed.num_allowed):
        return None
    nodes, scores = np.full(1, trie.root), np.zeros(1, np.float32)
    bound, rows = NEVER, 0
    kept: Ints | None = None
    for level, size in enumerate(trie.codebook_sizes):
        rows += len(nodes)
        found = decoder.step(level, kept)
        children = _children(trie, level, nodes, allowed)
        place = _places(found, children, size)
        if place is None:
            return None
        reached = scores[children.rows] + found.scores[place]
        best, lost = best_of(reached, settings.beam_width)
        nodes, scores, kept = children.nodes[best], reached[best], place[best]
        if level < trie.levels - 1:  # of complete IDs, one that was dropped has k better ones before it
            bound = max(bound, lost)
    none = np.full((1, len(nodes)), -1)
    ranking = rank_products(trie, nodes[None], scores[None], none, settings.k, None, allowed)
    hits = ranking.positions[0] >= 0
    ids = np.full((1, settings.k, trie.levels), -1)
    ids[0, hits] = trie.id_of(ranking.positions[0, hits])
    proven = np.array([bound == NEVER or ranking.scores[0, -1] > np.float32(bound)])
    bounds, ended = np.array([bound], np.float32), np.zeros(1, np.bool_)
    return BeamResult(ranking.positions, ranking.scores, ids, proven, bounds, np.array([rows]), ended)


def best_of(scores: Floats, width: int) -> tuple[Ints, float]:
    """Where the best `width` of (C,) scores are, ascending, the lower place where scores tie; and the best other score.

    NEVER where there is no other. A GenretError where a score is no number.
    """
    if len(scores) <= width:
        place, lost = np.arange(len(scores)), NEVER
        nan = np.isnan(scores).any()
    else:
        least = len(scores) - width
        ordered = np.partition(scores, (least - 1, least))  # NaN last
        lost, bar = float(ordered[least - 1]), ordered[least]
        nan = np.isnan(ordered[least:]).any()
        place = np.flatnonzero(scores >= bar)
        if len(place) > width:
            tied = np.flatnonzero(scores[place] == bar)
            place = np.delete(place, tied[width - len(place) :])
    if nan:
        raise GenretError(NOT_NUMBERS)
    return place, lost


def _children(trie: Trie, level: int, nodes: Ints, allowed: Allowed | None) -> Children:
    """The children of the nodes that lead to an allowed product."""
    children = trie.children(level, nodes)
    if allowed is None:
        return children
    kept = np.flatnonzero(allowed.count(level + 1, children.nodes))
    return Children(children.rows[kept], children.codes[kept], children.nodes[kept])


def _places(found: Scored, children: Children, size: int) -> Ints | None:
    """(C,) where each of the children stands among those scored; None where one isn't there."""
    known, wanted = found.rows * size + found.codes, children.rows * size + children.codes
    if len(known) == len(wanted) and (known == wanted).all():
        return np.arange(len(known))
    place = np.searchsorted(known, wanted)
    return place if (known.take(place, mode="clip") == wanted).all() else None
