"""A batch of queries asked of shards: which are to be asked what, until the answer of the whole is known.

`Gathering(...).beam(settings)` equals `beam_search` over the whole index, `words` and `neighbours` the searches of
`finding.py`. Products are places (see `crew.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genret.pipeline.crew import Crew, best_of
from genret.pipeline.finding import Found, padded
from genret.pipeline.options import Plan
from genret.pipeline.shard import Listed, Shard
from genret.search.beam import MARGIN, BeamSettings
from genret.search.bits import Ints
from genret.search.decoder import Decoder
from genret.search.first import FirstBeam, Known, first_beam
from genret.search.parts import Answer, Need, Part, PartBeam, Search, settle
from genret.search.pruning import NEVER
from genret.search.ranking import Floats

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
    """What a query has found so far."""

    hits: tuple[Ints, Floats]
    least: float
    """The k-th score; -inf where there are fewer."""
    bound: float
    """Nothing else in the shards that were asked scores higher, or than their k-th hit."""


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
            answers = self._alone(settings, first.bests)
        else:
            answers = self._together(settings, first)
            if settings.exact and not all(answer.proven for answer in answers):
                answers = self._exact(settings, first.bests, answers)
        found = padded([(answer.places, answer.scores) for answer in answers], settings.k)
        self._least = found.scores[:, -1]
        return found._replace(certified=np.array([answer.proven for answer in answers], np.bool_))

    def words(self, k: int, bounds: Floats) -> Found:
        """The k products of highest BM25 score; nothing in a shard scores higher than its (Q, S) `bounds`."""
        bests = self._open(np.where(self.known.some, bounds, np.float32(NEVER)))
        found = self._promising(bests, k, lambda shard, texts, some: shard.words(texts, self._where, k))
        return padded([one.hits for one in found], k)

    def neighbours(self, vectors: Floats, k: int) -> Found:
        """The k products whose embeddings have the highest inner product with (Q, D) vectors."""
        rows = list(range(len(self.texts)))
        lists = self.crew.ask(self._all(lambda shard: shard.neighbours(vectors, self._where, k)))
        self.asked[:, list(lists)] = True
        return self.crew.merged(lists, dict.fromkeys(lists, rows), len(rows), k)

    def missing(self, names: Sequence[str], plan: Plan) -> list[tuple[str, ...]]:
        """Query by query the names of the shards that are down and may hold what belongs into the answer."""
        lacking = np.zeros(self.asked.shape, np.bool_)
        for number in self.down:
            lacking[:, number] = self.known.some[number]
            if plan.by == "beam" and plan.lexical is None and self._bests is not None and self._least is not None:
                lacking[:, number] &= self._bests[:, number] >= self._least
        return [tuple(names[number] for number in np.flatnonzero(row).tolist()) for row in lacking]

    def _all(self, call: Callable[[Shard], Listed]) -> dict[int, Callable[[Shard], Listed]]:
        """The call for every shard that has an allowed product."""
        some = np.flatnonzero(self.known.some).tolist()
        return {number: call for number in some if number not in self.down}

    def _open(self, bests: Floats) -> Floats:
        """Bounds of the shards, with those that are down at -inf: they are not to be asked."""
        found = bests.copy()
        found[..., list(self.down)] = NEVER
        return found

    def _together(self, settings: BeamSettings, first: FirstBeam) -> list[Answer]:
        """The whole beam of each query, made of what shards tell."""
        search = Search(settings.k, settings.beam_width, self.crew.starts)
        bests = self._open(first.kept)
        parts: list[dict[int, Part]] = [{} for _ in bests]
        widths: list[dict[int, int]] = [{} for _ in bests]
        answers: dict[int, Answer] = {}
        need = {row: _few(range(len(best)), best) for row, best in enumerate(bests)}
        while need:
            for row, numbers in need.items():
                for number in numbers:
                    start = max(settings.beam_width + 1, int(ROOM * settings.beam_width))
                    widths[row][number] = 2 * widths[row][number] if number in widths[row] else start
            self._tell(need, widths, first.prefixes, settings.k, parts)
            verdicts = {row: settle(parts[row], search, float(first.bound[row]), bests[row]) for row in need}
            answers |= {row: one for row, one in verdicts.items() if isinstance(one, Answer)}
            wanted = {row: one.parts for row, one in verdicts.items() if isinstance(one, Need)}
            need = {row: _few(numbers, bests[row], parts[row]) for row, numbers in wanted.items()}
        return [answers[row] for row in range(len(bests))]

    def _tell(
        self,
        need: Mapping[int, Sequence[int]],
        widths: Sequence[Mapping[int, int]],
        prefixes: Ints,
        k: int,
        parts: Sequence[dict[int, Part]],
    ) -> None:
        """Ask the shards that queries need, and put what they tell into `parts`."""
        groups: dict[int, dict[int, list[int]]] = {}  # shard -> width -> queries
        for row, numbers in need.items():
            for number in numbers:
                self.asked[row, number] = True
                groups.setdefault(number, {}).setdefault(widths[row][number], []).append(row)

        def call(number: int) -> Callable[[Shard], list[tuple[list[int], PartBeam]]]:
            some = [(rows, self.known.part(number, prefixes[rows]), width) for width, rows in groups[number].items()]
            return lambda shard: [
                (rows, shard.beam([self.texts[row] for row in rows], self._where, own, width, k))
                for rows, own, width in some
            ]

        for number, told in self.crew.ask({number: call(number) for number in groups}).items():
            for rows, beam in told:
                for place, row in enumerate(rows):
                    parts[row][number] = beam.of(place)

    def _exact(self, settings: BeamSettings, bests: Floats, answers: Sequence[Answer]) -> list[Answer]:
        """The answers, those that are not proven searched again for all that scores above their last hit."""
        rows = [row for row, answer in enumerate(answers) if not answer.proven]
        floors = {row: np.float32(_last(answers[row], settings.k) - MARGIN) for row in rows}
        bests = self._open(bests)
        wanted = {row: np.flatnonzero((bests[row] >= floors[row]) & (bests[row] > NEVER)).tolist() for row in rows}
        lists, asked = self._list(
            wanted,
            lambda shard, texts, some: shard.above(
                texts, self._where, np.array([floors[row] for row in some]), settings
            ),
        )
        found = list(answers)
        for row in rows:
            parts = [(number, asked[number].index(row)) for number in wanted[row]]
            again = [self._placed(number, lists[number], place) for number, place in parts]
            best = best_of([(answers[row].places, answers[row].scores), *again], settings.k)
            least = _last(Answer(*best, proven=False), settings.k)
            bound = max((float(lists[number].bound[place]) for number, place in parts), default=NEVER)
            found[row] = Answer(*best, proven=least >= float(floors[row]) and (bound == NEVER or least > bound))
        return found

    def _alone(self, settings: BeamSettings, bests: Floats) -> list[Answer]:
        """The best of what the shards find each on its own, those asked that may hold one of them."""
        found = self._promising(
            self._open(bests), settings.k, lambda shard, texts, some: shard.alone(texts, self._where, settings)
        )
        return [Answer(*one.hits, proven=one.bound == NEVER or one.least > one.bound) for one in found]

    def _promising(self, bests: Floats, k: int, call: Callable[[Shard, list[str], list[int]], Listed]) -> list[_Best]:
        """The best k of what the shards list that may hold one of them: those asked before, then a few at a time."""
        best = [_Best((np.zeros(0, np.int64), np.zeros(0, np.float32)), NEVER, NEVER)] * len(bests)
        rest = bests.copy()
        need = {row: np.flatnonzero(asked & (rest[row] > NEVER)).tolist() for row, asked in enumerate(self.asked)}
        need = {row: numbers or _few(range(len(rest[row])), rest[row]) for row, numbers in need.items()}
        while need := {row: numbers for row, numbers in need.items() if numbers}:
            told, asked = self._list(need, call)
            for number, rows in asked.items():
                for place, row in enumerate(rows):
                    hits = best_of([best[row].hits, self._placed(number, told[number], place)], k)
                    bound = max(best[row].bound, float(told[number].bound[place]))
                    best[row] = _Best(hits, _last(Answer(*hits, proven=False), k), bound)
                    rest[row, number] = NEVER
            need = {row: _few(np.flatnonzero(rest[row] >= best[row].least).tolist(), rest[row]) for row in need}
        return best

    def _list(
        self, wanted: Mapping[int, Sequence[int]], call: Callable[[Shard, list[str], list[int]], Listed]
    ) -> tuple[dict[int, Listed], dict[int, list[int]]]:
        """What each shard lists for the queries that want it, and which these are."""
        rows: dict[int, list[int]] = {}
        for row, numbers in wanted.items():
            for number in numbers:
                self.asked[row, number] = True
                rows.setdefault(number, []).append(row)

        def bound(some: list[int]) -> Callable[[Shard], Listed]:
            return lambda shard: call(shard, [self.texts[row] for row in some], some)

        return self.crew.ask({number: bound(some) for number, some in rows.items()}), rows

    def _placed(self, number: int, listed: Listed, row: int) -> tuple[Ints, Floats]:
        some = listed.positions[row] >= 0
        return listed.positions[row][some] + self.crew.starts[number], listed.scores[row][some]


def _few(numbers: Sequence[int], bests: Floats, again: Container[int] = ()) -> list[int]:
    """Of the shards that a query needs those to ask next: the most promising, and all that are asked `again`."""
    new = [number for number in numbers if number not in again and bests[number] > NEVER]
    first = sorted(new, key=lambda number: -float(bests[number]))[:AT_ONCE]
    return [*(number for number in numbers if number in again), *first]


def _last(answer: Answer, k: int) -> float:
    """The k-th score; -inf where there are fewer."""
    return float(answer.scores[k - 1]) if len(answer.scores) == k else NEVER
