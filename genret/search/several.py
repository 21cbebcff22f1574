"""Beam search of a handful of queries on a CPU: what `beam_search` finds, over the prefixes that exist.

`beam_search` scores every code after every prefix. Here, as in `single.py`, a decoder scores only the children that
exist, and those of all queries stand in flat arrays, query after query, so that an operation's overhead is shared by
the queries. Ranking and proof are those of `beam.py`; scores agree to rounding. Caps on a prefix, traces and the second
pass of an exact search are left to `beam.py`.

Letters: Q queries, R rows of all queries, C children of all rows, M the most that one query has.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch

from genret.ground.arrays import Floats, Ints
from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings
from genret.search.pruning import NEVER, NOT_NUMBERS
from genret.search.ranking import rank_products
from genret.search.single import Numbered, Scored, in_trie
from genret.search.trie import Allowed, Trie


class SeveralDecoder(Numbered, Protocol):
    """Q encoded queries, decoded level by level along the prefixes that the model knows."""

    @property
    def num_queries(self) -> int: ...

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows, with log-probabilities normalised over all codes of the level.

        Level 0: `kept` is None, and there is one row per query, the root. Level l > 0: the rows are those of the
        children that the call before returned at the places `kept` (R,), ascending, so query after query.
        """
        ...


class _Rows(NamedTuple):
    """The kept prefixes of one level, query after query and in ID order."""

    queries: Ints  # (R,)
    nodes: Ints  # (R,)
    scores: Floats  # (R,)


@torch.inference_mode()
def search_several(
    decoder: SeveralDecoder, trie: Trie, settings: BeamSettings, allowed: Allowed | None = None
) -> BeamResult | None:
    """What the first pass of `beam_search` finds for the queries of a decoder.

    None where it takes `beam_search` to say: nothing is allowed, or the trie has a prefix that the decoder has not.
    """
    if not (trie.num_products if allowed is None else allowed.num_allowed):
        return None
    count, same = decoder.num_queries, decoder.numbers_as(trie)
    beam = _Rows(np.arange(count), np.full(count, trie.root), np.zeros(count, np.float32))
    bound, spent = np.full(count, NEVER, np.float32), np.zeros(count, np.int64)
    kept: Ints | None = None
    for level in range(trie.levels):
        spent += np.bincount(beam.queries, minlength=count)
        found = decoder.step(level, kept)
        place: Ints | None = None
        if not same:
            placed = in_trie(found, trie, level, beam.nodes, decoder)
            if placed is None:
                return None
            found, place = placed
        reached, owners = beam.scores.take(found.rows) + found.scores, beam.queries.take(found.rows)
        if allowed is not None:
            reached[allowed.count(level + 1, found.nodes) == 0] = NEVER
        best, lost = best_of_each(reached, owners, count, settings.beam_width)
        beam, kept = _Rows(owners[best], found.nodes[best], reached[best]), best if place is None else place[best]
        if level < trie.levels - 1:  # of complete IDs, one that was dropped has k better ones before it
            bound = np.maximum(bound, lost)
    return _ranked(trie, beam, settings.k, allowed, bound, spent)


def _ranked(trie: Trie, beam: _Rows, k: int, allowed: Allowed | None, bound: Floats, spent: Ints) -> BeamResult:
    """The products below the complete IDs, and what is proven about them."""
    count = len(bound)
    width, place = spread(beam.queries, count)
    nodes, scores = np.full((count, width), -1), np.full((count, width), NEVER, np.float32)
    nodes.reshape(-1)[place], scores.reshape(-1)[place] = beam.nodes, beam.scores
    ranking = rank_products(trie, nodes, scores, np.full(nodes.shape, -1), k, None, allowed)
    hits = ranking.positions >= 0
    ids = np.full((count, k, trie.levels), -1)
    ids[hits] = trie.id_of(ranking.positions[hits])
    proven = np.isneginf(bound) | (ranking.scores[:, -1] > bound)
    return BeamResult(ranking.positions, ranking.scores, ids, proven, bound, spent, np.zeros(count, np.bool_))


def best_of_each(scores: Floats, owners: Ints, count: int, width: int) -> tuple[Ints, Floats]:
    """Where the best `width` of each query's scores are, ascending, lower places first where scores tie; and (Q,) the
    best score that was left out.

    `owners` (C,) says whose each of (C,) scores is, ascending. NEVER where nothing is left out; and nothing that is
    NEVER is among the best. A GenretError where one of the best is no number.
    """
    most, place = spread(owners, count)
    table = np.full((count, most), NEVER, np.float32)
    table.reshape(-1)[place] = scores
    if np.isnan(scores).any():
        raise GenretError(NOT_NUMBERS)
    least = most - width
    if least <= 0:
        bar, lost = np.full((count, 1), NEVER, np.float32), np.full(count, NEVER, np.float32)
    else:
        ordered = np.partition(table, least, axis=1)  # at two places it takes six times as long
        bar, lost = ordered[:, least, None], ordered[:, :least].max(1)
    chosen = (table >= bar) & (table > NEVER)
    over = np.flatnonzero(chosen.sum(1) > width)
    if len(over):  # more than one score stands at the bar
        tied = chosen[over] & (table[over] == bar[over])
        room = width - chosen[over].sum(1) + tied.sum(1)
        chosen[over] &= ~tied | (tied.cumsum(1) <= room[:, None])
    return np.flatnonzero(chosen.reshape(-1)[place]), lost


def spread(owners: Ints, count: int) -> tuple[int, Ints]:
    """The columns M of a table that holds n entries, one query per row, and (n,) the cells where they go.

    `owners` (n,), ascending, says whose each entry is.
    """
    sizes = np.bincount(owners, minlength=count)
    most = int(sizes.max(initial=1))
    starts = np.cumsum(sizes) - sizes
    return most, np.arange(len(owners)) + (np.arange(count) * most - starts)[owners]
