"""Beam search of one query alone on a CPU: what `beam_search` finds, in a tenth of the operations.

`beam_search` scores every code after every prefix, for many queries together. One query alone waits for the overhead of
those operations, not for the arithmetic. Here a decoder scores only the children that exist, in flat numpy arrays of
some hundred numbers, and nothing is padded. Ranking and proof are those of `beam.py`; scores agree to rounding. Caps on
a prefix, traces and the second pass of an exact search are left to `beam.py`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from genret.ground.arrays import Floats, Ints
from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings
from genret.search.level import Children
from genret.search.overlay import OverlayTrie
from genret.search.pruning import NEVER, NOT_NUMBERS
from genret.search.ranking import best_places, product_span, ranges
from genret.search.trie import Allowed, Trie


class Scored(NamedTuple):
    """The prefixes one code longer than some rows, in ID order."""

    rows: Ints
    """(C,) which row each continues."""
    codes: Ints
    """(C,)"""
    nodes: Ints
    """(C,) their numbers among the prefixes that the decoder knows."""
    scores: Floats
    """(C,) log-probabilities of the codes."""


class Numbered(Protocol):
    """A decoder whose known prefixes have numbers."""

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes that the decoder knows are the trie's, and have the numbers of its nodes."""
        ...

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        """(C,) the trie's nodes of prefixes that were scored at a level, by their numbers; -1 of those that it lacks.

        None where that is not known: the decoder's numbers come from another trie.
        """
        ...


class SingleDecoder(Numbered, Protocol):
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
    bound, rows, same = NEVER, 0, decoder.numbers_as(trie)
    kept: Ints | None = None
    trail: list[tuple[Scored, Ints]] = []
    for level in range(trie.levels):
        rows += len(nodes)
        found = decoder.step(level, kept)
        if not same:
            placed = in_trie(found, trie, level, nodes, decoder)
            if placed is None:
                return None
            found, place = placed
        reached = scores.take(found.rows)
        reached += found.scores
        if allowed is not None:
            reached[allowed.count(level + 1, found.nodes) == 0] = NEVER
        best, lost = best_of(reached, settings.beam_width)
        nodes, scores, kept = found.nodes.take(best), reached.take(best), best if same else place.take(best)
        trail.append((found, best))
        if level < trie.levels - 1:  # of complete IDs, one that was dropped has k better ones before it
            bound = max(bound, lost)
    return _ranked(trie, _Ended(nodes, scores, trail, bound, rows), settings.k, allowed)


class _Ended(NamedTuple):
    """Where a beam came to."""

    nodes: Ints
    """(B,) complete IDs, each of which has an allowed product."""
    scores: Floats
    trail: list[tuple[Scored, Ints]]
    """Of each level what was scored, and which of it was kept."""
    bound: float
    rows: int


def _ranked(trie: Trie, beam: _Ended, k: int, allowed: Allowed | None) -> BeamResult:
    """The best products below a beam: what `rank_products` says of one query, and what is proven."""
    order = np.argsort(-beam.scores, kind="stable")[:k]
    start, stop = product_span(trie, trie.levels, beam.nodes.take(order), allowed)
    counts = np.minimum(stop - start, k)
    nth, owners = ranges(start, counts)[0][:k], order.repeat(counts)[:k]
    positions, scores, ids = np.full((1, k), -1), np.full((1, k), NEVER, np.float32), np.full((1, k, trie.levels), -1)
    positions[0, : len(nth)] = nth if allowed is None else allowed.nth(nth)
    scores[0, : len(nth)] = beam.scores.take(owners)
    for level in range(trie.levels - 1, -1, -1):
        found, best = beam.trail[level]
        place = best.take(owners)
        ids[0, : len(nth), level], owners = found.codes.take(place), found.rows.take(place)
    bound = np.array([beam.bound], np.float32)
    proven = np.array([beam.bound == NEVER or scores[0, -1] > bound[0]])
    return BeamResult(positions, scores, ids, proven, bound, np.array([beam.rows]), np.zeros(1, np.bool_))


def best_of(scores: Floats, width: int) -> tuple[Ints, float]:
    """Where the best `width` of (C,) scores are, ascending, the lower place where scores tie; and the best other score.

    NEVER where there is no other; and none that is NEVER is among the best. A GenretError where a score is no number.
    """
    some = best_places(scores, width + 1)
    if some is not None and not np.isnan(np.maximum.reduce(scores)):
        place, lost = best_of(scores.take(some), width)
        return some.take(place), lost
    least = max(0, len(scores) - width)
    ordered = scores.copy()
    ordered.partition(least)  # NaN last
    if np.isnan(np.maximum.reduce(ordered[least:])):
        raise GenretError(NOT_NUMBERS)
    lost = float(np.maximum.reduce(ordered[:least])) if least else NEVER
    bar = ordered[least]
    place = (scores >= bar if bar > NEVER else scores > NEVER).nonzero()[0]
    if len(place) > width:
        tied = np.flatnonzero(scores[place] == bar)
        place = np.delete(place, tied[width - len(place) :])
    return place, lost


def in_trie(found: Scored, trie: Trie, level: int, nodes: Ints, decoder: Numbered) -> tuple[Scored, Ints] | None:
    """The children that the trie has, with its numbers, and where they stand in `found`; None if one isn't there."""
    if isinstance(trie, OverlayTrie):
        base = decoder.nodes_of(trie.base, level, found.nodes)
        if base is not None:
            own = trie.among(level, nodes, Children(found.rows, found.codes, base))
            return None if own is None else _present(found._replace(nodes=own))
    rows, codes, own = trie.children(level, nodes)
    size = trie.codebook_sizes[level]
    known, wanted = found.rows * size + found.codes, rows * size + codes
    place = np.searchsorted(known, wanted)
    if not (known.take(place, mode="clip") == wanted).all():
        return None
    return Scored(rows, codes, own, found.scores[place]), place


def _present(found: Scored) -> tuple[Scored, Ints]:
    """Those that have a node, and where they stand."""
    there = found.nodes >= 0
    place = there.nonzero()[0]
    if len(place) == len(there):
        return found, place
    rows, codes, nodes, scores = found
    return Scored(rows.take(place), codes.take(place), nodes.take(place), scores.take(place)), place
