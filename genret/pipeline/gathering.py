"""A batch of queries asked of shards: which are to be asked what, until the answer of the whole is known.

`Gathering(...).beam(settings)` equals `beam_search` over the whole index, `words` and `neighbours` the searches of
`finding.py`. Products are places (see `crew.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genret.ground.arrays import Bools, Floats, Ints
from genret.pipeline.crew import Crew, best_of
from genret.pipeline.finding import Found
from genret.pipeline.options import Plan
from genret.pipeline.shard import Listed, Shard
from genret.search.beam import MARGIN, BeamSettings
from genret.search.decoder import Decoder
from genret.search.first import FirstBeam, Known, first_beam
from genret.search.parts import PartBeam, Search, settle
from genret.search.pruning import NEVER

AT_ONCE = 3
"""Shards that a query asks before it looks again at how good a hit must be."""
ROOM = 1.25
"""How much wider than the whole beam a shard's own is, so that it seldom has to be asked again."""


class Asked(NamedTuple):
    """A batch of queries, and what is known of the shards before they are asked."""

    texts: list[str]
    where: str | None
    known: Known
    """The prefixes of all shards that lead to an allowed product."""
    down: frozenset[int]
    """Shards that do not answer."""


class _Best(NamedTuple):
    """What the queries have found so far."""

    places: Ints
    """(Q, k), -1 where there is no hit."""
    scores: Floats
    """(Q, k), -inf where there is no hit."""
    bound: Floats
    """(Q,) nothing else in the shards that were asked scores higher, or than their k-th hit."""

    @classmethod
    def nothing(cls, queries: int, k: int) -> _Best:
        shape = queries, k
        return cls(np.full(shape, -1), np.full(shape, NEVER, np.float32), np.full(queries, NEVER, np.float32))

    def found(self, proven: Bools) -> Found:
        return Found(self.places, self.scores, proven)


class Gathering:
    """The answers to one batch."""

    def __init__(self, crew: Crew, asked: Asked, decoder: Callable[[], Decoder]) -> None:
        """`decoder`: of the texts; it is called by searches that use the beam."""
        self.crew, self.texts, self._where, self.down = crew, asked.texts, asked.where, asked.down
        self.known, self._decoder = asked.known, decoder
        self.asked = np.zeros((len(self.texts), len(crew.shards)), np.bool_)
        """(Q, S) the shards that each query asked."""
        self._bests: Floats | None = None  # (Q, S) what nothing in a shard scores more than by the beam
        self._least: Floats | None = None  # (Q,) the last score of each query's beam

    def beam(self, settings: BeamSettings) -> Found:
        """The best k products of each query by the whole beam."""
        first = first_beam(self._decoder(), self.known, settings.beam_width)
        self._bests = first.bests
        if settings.max_per_prefix is not None:
            found = self._alone(settings, first.bests)
        else:
            found = self._together(settings, first)
            if settings.exact and not found.certified.all():
                found = self._exact(settings, first.bests, found)
        self._least = found.scores[:, -1]
        return found

    def words(self, k: int, bounds: Floats) -> Found:
        """The k products of highest BM25 score; nothing in a shard scores higher than its (Q, S) `bounds`."""
        bests = self._open(np.where(self.known.some, bounds, np.float32(NEVER)))
        found = self._promising(bests, k, lambda shard, texts, rows: shard.words(texts, self._where, k))
        return found.found(np.zeros(len(bests), np.bool_))

    def neighbours(self, vectors: Floats, k: int) -> Found:
        """The k products whose embeddings have the highest inner product with (Q, D) vectors."""
        some = np.flatnonzero(self.known.some).tolist()
        every = np.arange(len(self.texts))
        calls = {number: lambda shard: shard.neighbours(vectors, self._where, k) for number in some}
        lists = self.crew.ask({number: call for number, call in calls.items() if number not in self.down})
        self.asked[:, list(lists)] = True
        best = self._taken_in(_Best.nothing(len(every), k), {number: (every, one) for number, one in lists.items()})
        return best.found(np.zeros(len(every), np.bool_))

    def missing(self, names: Sequence[str], plan: Plan) -> list[tuple[str, ...]]:
        """Query by query the names of the shards that are down and may hold what belongs into the answer."""
        lacking = np.zeros(self.asked.shape, np.bool_)
        for number in self.down:
            lacking[:, number] = self.known.some[number]
            if plan.by == "beam" and plan.lexical is None and self._bests is not None and self._least is not None:
                lacking[:, number] &= self._bests[:, number] >= self._least
        return [tuple(names[number] for number in np.flatnonzero(row).tolist()) for row in lacking]

    def _open(self, bests: Floats) -> Floats:
        """Bounds of the shards, with those that are down at -inf: they are not to be asked."""
        found = bests.copy()
        found[..., list(self.down)] = NEVER
        return found

    def _together(self, settings: BeamSettings, first: FirstBeam) -> Found:
        """The whole beam of each query, made of what shards tell."""
        search = Search(settings.k, settings.beam_width, self.crew.starts)
        found = _Best.nothing(len(self.texts), settings.k).found(np.zeros(len(self.texts), np.bool_))
        told = _Told({}, np.zeros(self.asked.shape, np.int64))
        bests = self._open(first.kept)
        need, rows = _few(bests), np.arange(len(bests))
        while len(rows):
            self._tell(need, first.prefixes, settings, told)
            heard = told.widths[rows] > 0
            told_nothing = np.where(heard, np.float32(NEVER), bests[rows])
            verdict = settle(told.beams, rows, search, first.bound[rows], told_nothing)
            done = ~verdict.need.any(1)
            found.positions[rows[done]], found.scores[rows[done]] = verdict.places[done], verdict.scores[done]
            found.certified[rows[done]] = verdict.proven[done]
            need = np.zeros(need.shape, np.bool_)
            need[rows] = verdict.need & heard | _few(np.where(verdict.need, told_nothing, np.float32(NEVER)))
            rows = rows[~done]
        return found

    def _tell(self, need: Bools, prefixes: Ints, settings: BeamSettings, told: _Told) -> None:
        """Ask the shards that (Q, S) queries need, and put what they tell to what they `told` before."""
        self.asked |= need
        start = max(settings.beam_width + 1, int(ROOM * settings.beam_width))
        told.widths[need] = np.maximum(start, 2 * told.widths[need])
        groups: dict[int, list[tuple[Ints, int]]] = {}  # shard -> queries of one width
        for number in np.flatnonzero(need.any(0)).tolist():
            rows = np.flatnonzero(need[:, number])
            widths = told.widths[rows, number]
            groups[number] = [(rows[widths == width], width) for width in np.unique(widths).tolist()]

        def call(number: int) -> Callable[[Shard], list[tuple[Ints, PartBeam]]]:
            some = [(rows, self.known.part(number, prefixes[rows]), width) for rows, width in groups[number]]
            return lambda shard: [
                (rows, shard.beam(self._texts(rows), self._where, own, width, settings.k)) for rows, own, width in some
            ]

        for number, beams in self.crew.ask({number: call(number) for number in groups}).items():
            for rows, beam in beams:
                before = told.beams.get(number) or PartBeam.silent(len(need), len(beam.scores))
                told.beams[number] = before.with_rows(rows, beam)

    def _exact(self, settings: BeamSettings, bests: Floats, found: Found) -> Found:
        """The answers, those that are not proven searched again for all that scores above their last hit."""
        bests, again = self._open(bests), ~found.certified
        floors = (found.scores[:, -1].astype(np.float64) - MARGIN).astype(np.float32)
        wanted = (bests >= floors[:, None]) & (bests > NEVER) & again[:, None]
        lists = self._list(wanted, lambda shard, texts, rows: shard.above(texts, self._where, floors[rows], settings))
        nothing = np.full(len(bests), NEVER, np.float32)
        best = self._taken_in(_Best(found.positions, found.scores, nothing), lists)
        least = best.scores[:, -1]
        proven = found.certified | (least >= floors) & ((best.bound == NEVER) | (least > best.bound))
        return best.found(proven)

    def _alone(self, settings: BeamSettings, bests: Floats) -> Found:
        """The best of what the shards find each on its own, those asked that may hold one of them."""
        best = self._promising(
            self._open(bests), settings.k, lambda shard, texts, rows: shard.alone(texts, self._where, settings)
        )
        return best.found((best.bound == NEVER) | (best.scores[:, -1] > best.bound))

    def _promising(self, bests: Floats, k: int, call: Callable[[Shard, list[str], Ints], Listed]) -> _Best:
        """The best k of what the shards list that may hold one of them: those asked before, then a few at a time."""
        best, rest = _Best.nothing(len(bests), k), bests.copy()
        need = self.asked & (rest > NEVER)
        need |= _few(rest) & ~need.any(1, keepdims=True)
        while need.any():
            best = self._taken_in(best, self._list(need, call))
            rest[need] = NEVER
            need = _few(np.where(rest >= best.scores[:, -1:], rest, np.float32(NEVER)))
        return best

    def _list(self, wanted: Bools, call: Callable[[Shard, list[str], Ints], Listed]) -> dict[int, tuple[Ints, Listed]]:
        """For which of the (Q, S) queries that want it each shard lists something, and what."""
        self.asked |= wanted
        rows = {number: np.flatnonzero(wanted[:, number]) for number in np.flatnonzero(wanted.any(0)).tolist()}

        def bound(some: Ints) -> Callable[[Shard], Listed]:
            return lambda shard: call(shard, self._texts(some), some)

        lists = self.crew.ask({number: bound(some) for number, some in rows.items()})
        return {number: (some, lists[number]) for number, some in rows.items()}

    def _taken_in(self, best: _Best, lists: Mapping[int, tuple[Ints, Listed]]) -> _Best:
        """The best of what was found and of what shards list for some (q,) of the queries."""
        places, scores, bound = [best.places], [best.scores], best.bound.copy()
        for number in sorted(lists):
            rows, listed = lists[number]
            shape = len(bound), listed.positions.shape[1]
            places.append(np.full(shape, -1))
            scores.append(np.full(shape, NEVER, np.float32))
            places[-1][rows] = np.where(listed.positions < 0, -1, listed.positions + self.crew.starts[number])
            scores[-1][rows] = listed.scores
            bound[rows] = np.maximum(bound[rows], listed.bound)
        k = best.places.shape[1]
        return _Best(*best_of(np.concatenate(places, axis=1), np.concatenate(scores, axis=1), k), bound)

    def _texts(self, rows: Ints) -> list[str]:
        return [self.texts[row] for row in rows]


class _Told(NamedTuple):
    """What shards told of their beams."""

    beams: dict[int, PartBeam]
    """Of all queries, by the number of the shard."""
    widths: Ints
    """(Q, S) how wide each beam is; 0 where none was told."""


def _few(bests: Floats) -> Bools:
    """(Q, S) the shards to ask next: the most promising, of those whose best is above -inf."""
    order = np.argsort(-bests, axis=1, kind="stable")[:, :AT_ONCE]
    few = np.zeros(bests.shape, np.bool_)
    np.put_along_axis(few, order, True, 1)
    return few & (bests > NEVER)
