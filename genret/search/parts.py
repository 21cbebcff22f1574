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

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from genret.ground.arrays import Bools, Floats, Ints
from genret.search.beam import BeamSettings, _advance, _Beam, _candidates, _Task
from genret.search.decoder import Decoder
from genret.search.first import first_levels, follow
from genret.search.pruning import NEVER, keep_best
from genret.search.ranking import fill_places, product_span, ranges

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie

Number = TypeVar("Number", np.int64, np.float32)


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
    positions: Ints
    """(Q, m) of these, in the order of the rows, with -1 behind them."""

    @classmethod
    def silent(cls, queries: int, levels: int) -> PartBeam:
        """Of queries that the part was not asked."""
        scores, parents = np.zeros((queries, 0), np.float32), np.zeros((queries, 0), np.int64)
        dropped = np.full((queries, levels), NEVER, np.float32)
        return cls([scores] * levels, [parents] * levels, dropped, parents, parents)

    def with_rows(self, rows: Ints, told: PartBeam) -> PartBeam:
        """The same, of these (q,) queries what the part has `told` now."""
        scores = [_replaced(old, rows, new, NEVER) for old, new in zip(self.scores, told.scores, strict=True)]
        parents = [_replaced(old, rows, new, 0) for old, new in zip(self.parents, told.parents, strict=True)]
        dropped, counts = self.dropped.copy(), _replaced(self.counts, rows, told.counts, 0)
        dropped[rows] = told.dropped
        return PartBeam(scores, parents, dropped, counts, _replaced(self.positions, rows, told.positions, -1))


class Settled(NamedTuple):
    """What is known of Q queries."""

    places: Ints
    """(Q, k) the top k, best first: `starts` of the part, plus the position there; -1 behind them."""
    scores: Floats
    """(Q, k), -inf behind them."""
    proven: Bools
    """(Q,)"""
    need: Bools
    """(Q, P) the parts that are still to be asked, or to be asked for more; a query that has any has no answer yet."""


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
    return PartBeam(scores, parents, np.stack(dropped, 1), *_products(trie, beam.nodes, k, allowed))


def _products(trie: Trie, nodes: Ints, k: int, allowed: Allowed | None) -> tuple[Ints, Ints]:
    """(Q, n) how many allowed products the IDs have, at most k, and (Q, m) their positions, with -1 behind them."""
    start, stop = product_span(trie, trie.levels, nodes, allowed)
    counts = np.minimum(stop - start, k)
    nth, _ = ranges(start.reshape(-1), counts.reshape(-1))
    sizes = counts.sum(1)
    positions = np.full((len(nodes), int(sizes.max(initial=0))), -1)
    positions[np.arange(positions.shape[1]) < sizes[:, None]] = nth if allowed is None else allowed.nth(nth)
    return counts, positions


def _replaced(old: npt.NDArray[Number], rows: Ints, new: npt.NDArray[Number], fill: float) -> npt.NDArray[Number]:
    """(Q, n) as wide as it takes to hold the (q, m) `new` rows instead of those of `old`."""
    made = np.full((len(old), max(old.shape[1], new.shape[1])), fill, old.dtype)
    made[:, : old.shape[1]] = old
    made[rows] = fill
    made[rows, : new.shape[1]] = new
    return made


def settle(told: Mapping[int, PartBeam], rows: Ints, search: Search, bound: Floats, bests: Floats) -> Settled:
    """The answers of the whole beam for (q,) of the queries, as far as what some parts told suffices for them.

    `bound` (q,) is the best prefix of the first levels that the whole beam does not keep, `bests` (q, P) the best of
    each part's that it does (`FirstBeam`); -inf for parts that hold nothing, were asked, or shall not be.
    """
    whole = _joined(told, rows, search.starts)
    places, scores = _ranked(whole, whole.scores[-1] > NEVER, search.k)
    least = scores[:, -1:]
    need = (bests >= least) & (bests > NEVER)
    if len(whole.scores) == 1:  # complete IDs are ranked among themselves
        bound = np.full_like(bound, NEVER)
    hidden = np.maximum(bound, whole.dropped[:, :, :-1].max((1, 2), initial=NEVER))[:, None]
    proven = ((hidden == NEVER) | (hidden < least))[:, 0]
    for level in whole.scores[:-1]:
        proven &= ((level >= least) & (level > NEVER)).sum(1) <= search.width
    unclear = np.flatnonzero(~proven & ~need.any(1))
    if len(unclear):
        again = _made_again(whole.of(unclear), sorted(told), search, bound[unclear], bests[unclear])
        for mine, other in zip((places, scores, proven, need), again, strict=True):
            mine[unclear] = other
    return Settled(places, scores, proven, need)


class _Joined(NamedTuple):
    """The rows of several parts as those of one, part after part; one that holds nothing at the end of each level."""

    scores: list[Floats]
    """(q, n) for each level."""
    parents: list[Ints]
    """(q, n) for each level."""
    dropped: Floats
    """(q, P, levels) of the parts."""
    counts: Ints
    """(q, n) of the last level's rows."""
    first: Ints
    """(q, n) where the products of each of these begin among `places`."""
    places: Ints
    """(q, m)"""

    def of(self, rows: Ints) -> _Joined:
        scores, parents = [one[rows] for one in self.scores], [one[rows] for one in self.parents]
        counts, first, places = self.counts[rows], self.first[rows], self.places[rows]
        return _Joined(scores, parents, self.dropped[rows], counts, first, places)


def _joined(told: Mapping[int, PartBeam], rows: Ints, starts: Ints) -> _Joined:
    parts = [told[part] for part in sorted(told)] or [PartBeam.silent(int(rows.max()) + 1, 1)]
    scores, parents = [], []
    before = [0] * len(parts)  # where each part's rows begin at the level before
    for level in range(len(parts[0].scores)):
        scores.append(_beside([part.scores[level][rows] for part in parts], NEVER))
        above = [part.parents[level][rows] + first for part, first in zip(parts, before, strict=True)]
        parents.append(_beside(above, 0))
        before = _begins(part.scores[level] for part in parts)
    counts = [part.counts[rows] for part in parts]
    begins = _begins(part.positions for part in parts)
    first = [own.cumsum(1) - own + begin for own, begin in zip(counts, begins, strict=True)]
    places = [part.positions[rows] + starts[number] for number, part in zip(sorted(told), parts, strict=False)]
    dropped = np.stack([part.dropped[rows] for part in parts], 1)
    return _Joined(scores, parents, dropped, _beside(counts, 0), _beside(first, 0), _beside(places or first, -1))


def _beside(parts: Sequence[npt.NDArray[Number]], fill: float) -> npt.NDArray[Number]:
    """(q, n + 1) the parts' columns, and one of `fill`."""
    return np.concatenate([*parts, np.full((len(parts[0]), 1), fill, parts[0].dtype)], axis=1)


def _begins(parts: Iterable[npt.NDArray[Any]]) -> list[int]:
    """Where the columns of each part begin, put side by side."""
    return list(accumulate((part.shape[1] for part in parts), initial=0))[:-1]


def _ranked(whole: _Joined, rows: Bools, k: int) -> tuple[Ints, Floats]:
    """(q, k) places and scores of the best products below these (q, n) rows of the last level."""
    scores = np.where(rows & (whole.counts > 0), whole.scores[-1], np.float32(NEVER))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    scores = np.take_along_axis(scores, order, 1)
    row, offset = fill_places(np.where(scores > NEVER, np.take_along_axis(whole.counts, order, 1), 0), k)
    hit = row >= 0
    column = np.take_along_axis(order, row, 1)  # row -1 reads the last one, and is masked
    nth = np.where(hit, np.take_along_axis(whole.first, column, 1) + offset, 0)
    places = np.where(hit, np.take_along_axis(whole.places, nth, 1), -1)
    return places, np.where(hit, np.take_along_axis(scores, row, 1), np.float32(NEVER))


def _made_again(whole: _Joined, parts: Sequence[int], search: Search, bound: Floats, others: Floats) -> Settled:
    """The whole beam, level by level, of what the parts kept."""
    alive, width = whole.scores[0] > NEVER, search.width
    need = np.zeros(others.shape, np.bool_)
    for level in range(1, len(whole.scores)):
        followed = np.take_along_axis(alive, whole.parents[level], 1)
        reached = np.where(followed, whole.scores[level], np.float32(NEVER))
        order = np.argsort(-reached, axis=1, kind="stable")
        alive = np.zeros_like(followed)
        np.put_along_axis(alive, order[:, :width], True, 1)
        alive &= reached > NEVER
        if level < len(whole.scores) - 1:
            cut, following = (_nth(reached, order, n) for n in (width - 1, width))
            bound = np.maximum(bound, following[:, 0])
        else:
            places, scores = _ranked(whole, alive, search.k)
            cut = following = scores[:, -1:]
        dropped = whole.dropped[:, :, level]
        unclear = _may_belong(others, cut, following)
        unclear[:, parts] |= _may_belong(dropped, cut, following)
        need |= unclear & ~need.any(1, keepdims=True)
    return Settled(places, scores, (bound == NEVER) | (scores[:, -1] > bound), need)


def _nth(scores: Floats, order: Ints, n: int) -> Floats:
    """(q, 1) the n-th of each row, from 0; -inf where there are fewer."""
    if n < order.shape[1]:
        return np.take_along_axis(scores, order[:, n : n + 1], 1)
    return np.full((len(scores), 1), NEVER, np.float32)


def _may_belong(best: Floats, cut: Floats, following: Floats) -> Bools:
    """(q, P) whether a part may hold a prefix that belongs into a level, or is the best of those that do not."""
    return (best > NEVER) & ~((best < cut) & (best <= following))
