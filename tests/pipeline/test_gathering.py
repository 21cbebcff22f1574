"""A beam over shards equals the one over all of them, to the last tie: over decoders whose every score is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import TableDecoder

from genret.ground.arrays import Floats, Ints
from genret.ground.types import Product
from genret.index.lexical import Ceilings
from genret.pipeline.crew import Crew
from genret.pipeline.finding import Found, Weights
from genret.pipeline.gathering import Asked, Gathering
from genret.pipeline.shard import Codes, Listed
from genret.search.beam import BeamSettings, beam_search, search_above
from genret.search.exact import brute_force
from genret.search.first import Known, prefixes_of
from genret.search.parts import PartBeam, part_beam
from genret.search.trie import Allowed, Trie


class TableShard:
    """A shard of a trie, searched with a decoder whose queries are called by their numbers."""

    name = "table"

    def __init__(self, trie: Trie, decoder: TableDecoder, allowed: Allowed | None) -> None:
        self.trie, self._decoder, self._allowed = trie, decoder, allowed

    def codes(self, where: str | None) -> Codes:
        return Codes(prefixes_of(self.trie, self._allowed), ())

    def beam(self, texts: Sequence[str], where: str | None, prefixes: Ints, width: int, k: int) -> PartBeam:
        return part_beam(self._asked(texts), self.trie, prefixes, width, k, self._allowed)

    def above(self, texts: Sequence[str], where: str | None, floors: Floats, settings: BeamSettings) -> Listed:
        found = search_above(self._asked(texts), self.trie, settings, floors, self._allowed)
        return Listed(found.positions, found.scores, found.bound)

    def alone(self, texts: Sequence[str], where: str | None, settings: BeamSettings) -> Listed:
        found = beam_search(self._asked(texts), self.trie, settings, self._allowed)
        return Listed(found.positions, found.scores, np.where(found.proven, np.float32(-np.inf), found.bound))

    def ceilings(self) -> Ceilings:
        raise NotImplementedError("no words here")

    def words(self, texts: Sequence[str], where: str | None, k: int) -> Listed:
        raise NotImplementedError("no words here")

    def neighbours(self, vectors: Floats, where: str | None, k: int) -> Listed:
        raise NotImplementedError("no vectors here")

    def weights(self, texts: Sequence[str], vectors: Floats, positions: Ints) -> Weights:
        raise NotImplementedError("no weights here")

    def products(self, positions: Ints) -> tuple[list[Product], Ints]:
        return [Product(str(one), "title") for one in positions], self.trie.id_of(positions)

    def _asked(self, texts: Sequence[str]) -> TableDecoder:
        return self._decoder.select(torch.tensor([int(text) for text in texts]))


class Case(NamedTuple):
    trie: Trie
    decoder: TableDecoder
    allowed: Allowed | None
    gathering: Gathering


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, draw(st.integers(1, 120))) for size in sizes[:1]], 1)
    codes = np.concatenate([codes, np.stack([rng.integers(0, size, len(codes)) for size in sizes], 1)[:, 1:]], 1)
    trie, order = Trie.build(codes, sizes)
    share = draw(st.sampled_from([None, 0.0, 0.1, 0.5, 1.0]))
    mask = np.ones(len(codes), np.bool_) if share is None else rng.random(len(codes)) < share
    queries = draw(st.integers(1, 4))
    decoder = TableDecoder(range(queries), sizes, seed, draw(st.sampled_from([0.0, 0.5, 2.0])))
    cuts = draw(st.sets(st.integers(1, max(1, sizes[0] - 1)), max_size=sizes[0] - 1))
    bounds = [0, *sorted(cuts), sizes[0]]
    rows, shards, starts = codes[order], [], []
    for start, stop in itertools.pairwise(bounds):
        own = (rows[:, 0] >= start) & (rows[:, 0] < stop)
        part, _ = Trie.build(rows[own], sizes)
        shards.append(TableShard(part, decoder, None if share is None else Allowed.from_positions(part, mask[own])))
        starts.append(int((rows[:, 0] < start).sum()))
    owners = np.repeat(np.arange(len(shards)), np.diff(bounds))
    known = Known.of([shard.codes(None).prefixes for shard in shards], sizes, owners)
    asked = Asked([str(one) for one in range(queries)], None, known, frozenset())
    allowed = None if share is None else Allowed.from_positions(trie, mask)
    every = decoder.select(torch.arange(queries))
    return Case(trie, decoder, allowed, Gathering(Crew(shards, np.array(starts)), asked, lambda: every))


def assert_same(found: Found, case: Case, wanted: object, k: int) -> None:
    positions, scores, proven = (getattr(wanted, name) for name in ("positions", "scores", "proven"))
    assert np.array_equal(found.positions, positions)
    assert np.allclose(found.scores[positions >= 0], scores[positions >= 0], atol=1e-5)
    assert np.array_equal(found.certified, proven)


@given(cases(), st.integers(1, 6), st.integers(0, 12))
@settings(max_examples=300)
def test_a_beam_over_shards_is_that_over_the_whole(case: Case, k: int, more: int) -> None:
    plan = BeamSettings(k, k + more)
    assert_same(case.gathering.beam(plan), case, beam_search(case.decoder, case.trie, plan, case.allowed), k)


@given(cases(), st.integers(1, 6), st.integers(0, 3))
@settings(max_examples=100)
def test_an_exact_search_over_shards_is_brute_force(case: Case, k: int, more: int) -> None:
    plan = BeamSettings(k, k + more, exact=True)
    assert_same(case.gathering.beam(plan), case, brute_force(case.decoder, case.trie, plan, case.allowed), k)


@given(cases(), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=100)
def test_a_capped_search_that_is_certified_is_brute_force(case: Case, k: int, cap: int) -> None:
    plan = BeamSettings(k, 2 * k, max_per_prefix=cap)
    found = case.gathering.beam(plan)
    wanted = brute_force(case.decoder, case.trie, plan, case.allowed)
    sure = found.certified
    assert np.array_equal(found.positions[sure], wanted.positions[sure])
