"""A beam search over a trie in parts, each with the IDs of its own first codes, that equals one over the whole trie.

The first levels are searched before any part is asked (`first.py`). A part goes on from those prefixes that it has
(`part_beam`) and tells all that it kept. `settle` makes of what some parts told either the answer of the whole beam,
proven where that would have proven it, or says which parts are still to be asked. Two facts carry it:

- The whole beam proves its top k exactly where no level has more than B prefixes that score at least as high as the
  k-th hit. Whether that is so can be told without any part whose best prefix scores lower than the k-th hit.
- Where it is not so, the whole beam's levels are made again of the parts' own: a part that kept more than the whole
  beam's cut leaves nothing out that it would have kept. A part that did not is asked again, twice as wide.

Ids and numbers only. A part is a number from 0, in the order of its codes, so that parts in order are IDs in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from genret.search.beam import BeamSettings, Bools, _advance, _Beam, _candidates, _Task
from genret.search.decoder import Decoder
from genret.search.first import first_levels, follow
from genret.search.pruning import NEVER, keep_best
from genret.search.ranking import Floats, Ints, product_span

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie


class PartBeam(NamedTuple):
    """The beams of Q queries in one part: every prefix that was kept, in ID order within a query, n per level.

    The last of the first levels comes first, with the prefixes that were given, and then each further level.
    """

    scores: list[Floats]
    """(Q, n) for each level; -inf where a row holds none."""
    parents: list[Ints]
    """(Q, n) for each level: the rows of the level before that they continue; zeros for the first."""
    dropped: Floats
    """(Q, levels) the best score that was not kept at each, -inf where all were."""
    counts: Ints
    """(Q, n) allowed products of each whole ID, at most k."""
    positions: list[Ints]
    """Of these, query by query, in the order of the rows."""

    def of(self, query: int) -> Part:
        """One query's."""
        scores = [level[query] for level in self.scores]
        parents = [level[query] for level in self.parents]
        return Part(scores, parents, self.dropped[query], self.counts[query], self.positions[query])


class Part(NamedTuple):
    """What one part told of one query: `PartBeam` without the queries."""

    scores: list[Floats]
    parents: list[Ints]
    dropped: Floats
    counts: Ints
    positions: Ints


class Answer(NamedTuple):
    """The top k of one query, best first."""

    places: Ints
    """(k or fewer,) `starts` of the part, plus the position there."""
    scores: Floats
    proven: bool


class Need(NamedTuple):
    """What is still to be asked of one query."""

    parts: list[int]
    """Those that told nothing yet, and those that did and are to be asked for more."""


class Search(NamedTuple):
    """What is asked of all parts together."""

    k: int
    width: int
    starts: Ints
    """(P,) the place of each part's first product."""


@torch.inference_mode()
def part_beam(
    decoder: Decoder, trie: Trie, prefixes: Ints, width: int, k: int, allowed: Allowed | None = None
) -> PartBeam:
    """The beam of a part: the best `width` prefixes per level, below (Q, n) prefixes of the first ones."""
    task = _Task(decoder, trie, BeamSettings(k, max(k, width)), allowed)
    first, queries = follow(decoder, trie, prefixes), decoder.num_queries
    beam = _Beam(first.nodes, np.full(first.nodes.shape, -1), first.scores, first.codes, first.parents)
    scores, parents, dropped = [first.scores], [np.zeros_like(first.nodes)], [np.full(queries, NEVER, np.float32)]
    for level in range(first_levels(trie.codebook_sizes), trie.levels):
        if not (beam.nodes >= 0).any():
            beam = beam._replace(nodes=np.zeros((queries, 0), np.int64), scores=np.zeros((queries, 0), np.float32))
            kept, above = np.full(queries, NEVER, np.float32), beam.nodes
        else:
            candidates = _candidates(task, level, beam)
            best = keep_best(candidates.scores, width)
            beam = _advance(task, level, beam, candidates, best)
            assert beam.parents is not None
            kept, above = best.dropped.scores.max(1, initial=NEVER), beam.parents.cpu().numpy()
        scores.append(beam.scores)
        parents.append(above)
        dropped.append(kept)
    counts, positions = _products(trie, beam.nodes, k, allowed)
    return PartBeam(scores, parents, np.stack(dropped, 1), counts, positions)


def _products(trie: Trie, nodes: Ints, k: int, allowed: Allowed | None) -> tuple[Ints, list[Ints]]:
    """(Q, n) how many allowed products the IDs have, at most k, and query by query their positions."""
    start, stop = product_span(trie, trie.levels, nodes, allowed)
    counts = np.minimum(stop - start, k)
    positions = []
    for first, count in zip(start, counts, strict=True):
        ends = np.cumsum(count)
        nth = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + count, count)
        positions.append(nth if allowed is None else allowed.nth(nth))
    return counts, positions


def settle(parts: Mapping[int, Part], search: Search, bound: float, best: Floats) -> Answer | Need:
    """The answer of the whole beam of one query, if what some parts told suffices for it.

    `bound` is the best prefix of the first levels that the whole beam does not keep, `best` (P,) the best of each
    part's that it does (`FirstBeam`); -inf for parts that hold nothing, or shall not be asked.
    """
    asked = sorted(parts)
    others = best.copy()
    others[asked] = NEVER
    whole = _joined([parts[one] for one in asked], search.starts[asked])
    hits = _ranked(whole, whole.scores[-1] > NEVER, search.k)
    least = _least(hits, search.k)
    open_ = np.flatnonzero((others >= least) & (others > NEVER))
    if len(open_):
        return Need(open_.tolist())
    bound = bound if len(whole.scores) > 1 else NEVER  # complete IDs are ranked among themselves
    hidden = max(bound, float(whole.dropped[:, :-1].max(initial=NEVER)))
    above = [int(((level >= least) & (level > NEVER)).sum()) for level in whole.scores[:-1]]
    if (hidden == NEVER or hidden < least) and max(above, default=0) <= search.width:
        return Answer(*hits, proven=True)
    return _made_again(whole, asked, search, bound, others)


class _Joined(NamedTuple):
    """The rows of several parts as those of one, with the products below the last level's as places."""

    scores: list[Floats]
    parents: list[Ints]
    dropped: Floats
    """(P, L) of the parts."""
    counts: Ints
    places: Ints


def _joined(parts: Sequence[Part], starts: Ints) -> _Joined:
    levels = len(parts[0].scores) if parts else 1
    scores, parents = [], []
    offsets = np.zeros(len(parts), np.int64)  # of the rows of the level before
    for level in range(levels):
        scores.append(np.concatenate([part.scores[level] for part in parts] or [np.zeros(0, np.float32)]))
        parents.append(
            np.concatenate(
                [part.parents[level] + offset for part, offset in zip(parts, offsets, strict=True)] or [_NONE]
            )
        )
        sizes = np.array([len(part.scores[level]) for part in parts], np.int64)
        offsets = np.cumsum(sizes) - sizes
    places = [part.positions + start for part, start in zip(parts, starts, strict=True)]
    dropped = np.array([part.dropped for part in parts], np.float32).reshape(len(parts), levels)
    counts = np.concatenate([part.counts for part in parts] or [_NONE])
    return _Joined(scores, parents, dropped, counts, np.concatenate(places or [_NONE]))


_NONE = np.zeros(0, np.int64)


def _ranked(whole: _Joined, rows: Bools, k: int) -> tuple[Ints, Floats]:
    """Places and scores of the best k products below these rows of the last level."""
    starts = np.cumsum(whole.counts) - whole.counts
    chosen = np.flatnonzero(rows & (whole.counts > 0))
    order = chosen[np.argsort(-whole.scores[-1][chosen], kind="stable")][:k]
    counts = whole.counts[order]
    ends = np.cumsum(counts)
    nth = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[order] - ends + counts, counts)
    return whole.places[nth[:k]], np.repeat(whole.scores[-1][order], counts)[:k]


def _least(hits: tuple[Ints, Floats], k: int) -> float:
    """The k-th hit's score; -inf where there are fewer."""
    return float(hits[1][k - 1]) if len(hits[1]) == k else NEVER


def _made_again(whole: _Joined, asked: Sequence[int], search: Search, bound: float, others: Floats) -> Answer | Need:
    """The whole beam, level by level, of what the parts kept."""
    alive, last = whole.scores[0] > NEVER, len(whole.scores) - 1
    for level in range(1, last + 1):
        rows = np.flatnonzero(alive[whole.parents[level]] & (whole.scores[level] > NEVER))
        order = rows[np.argsort(-whole.scores[level][rows], kind="stable")]
        alive = np.zeros(len(whole.scores[level]), np.bool_)
        alive[order[: search.width]] = True
        if level == last:
            hits = _ranked(whole, alive, search.k)
            cut = following = _least(hits, search.k)
        else:
            cut, following = (_nth(whole.scores[level][order], n) for n in (search.width - 1, search.width))
            bound = max(bound, following)
        need = _unclear(whole.dropped[:, level], asked, others, cut, following)
        if need:
            return Need(need)
    least = _least(hits, search.k)
    return Answer(*hits, proven=bound == NEVER or least > bound)


def _nth(scores: Floats, n: int) -> float:
    return float(scores[n]) if n < len(scores) else NEVER


def _unclear(dropped: Floats, asked: Sequence[int], others: Floats, cut: float, following: float) -> list[int]:
    """The parts that may hold a prefix which belongs into a level, or is the best of those that do not."""
    again = [
        part for part, lost in zip(asked, dropped, strict=True) if lost > NEVER and not _below(lost, cut, following)
    ]
    more = [int(part) for part in np.flatnonzero(others > NEVER) if not _below(float(others[part]), cut, following)]
    return [*again, *more]


def _below(score: float, cut: float, following: float) -> bool:
    return score < cut and score <= following
