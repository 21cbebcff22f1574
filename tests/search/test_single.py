"""The search for one query alone against `beam_search`: the same answer, proof and cost, whatever ties and filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import KnownCase, TableDecoder, known_cases

from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.search.beam import BeamSettings, beam_search
from genret.search.overlay import OverlayAllowed, OverlayTrie
from genret.search.ranking import SAMPLED, best_places, best_places_of_each
from genret.search.single import Scored, best_of, search_single
from genret.search.trie import Trie


class Sparse:
    """A `SingleDecoder` of a `TableDecoder`'s first query that knows the prefixes of a trie."""

    def __init__(self, dense: TableDecoder, known: Trie) -> None:
        self.dense, self.known = dense, known
        self.children = known.children(0, np.zeros(1, np.int64))

    def step(self, level: int, kept: np.ndarray | None) -> Scored:
        if kept is None:
            table = self.dense.step(0, None, None)
            self.children = self.known.children(0, np.zeros(1, np.int64))
        else:
            codes, rows = self.children.codes[kept], self.children.rows[kept]
            table = self.dense.step(level, *(torch.from_numpy(one)[None] for one in (codes, rows)))
            self.children = self.known.children(level, self.children.nodes[kept])
        rows, codes, nodes = self.children
        return Scored(rows, codes, nodes, table[0].numpy()[rows, codes])

    def numbers_as(self, trie: Trie) -> bool:
        return trie is self.known

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        return nodes if trie is self.known else None


class Beside(Sparse):
    """The same for an overlay: laid out by its base, with some of what came, or with all of it and more."""

    def __init__(self, dense: TableDecoder, known: Trie, base: Trie) -> None:
        super().__init__(dense, known)
        self.base, self.asked = base, 0

    def numbers_as(self, trie: Trie) -> bool:
        return False

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        if trie is not self.base:
            return None
        self.asked += 1
        path = self.known.id_of(self.known.product_range(level + 1, nodes)[0])
        found = np.full(len(nodes), self.base.root)
        for depth in range(level + 1):
            found = self.base.child(depth, found, path[:, depth])
        return found


@settings(max_examples=200, deadline=None)
@given(st.tuples(st.integers(1, 40), st.integers(1, 20), st.integers(0, 9)), st.integers(0, 2**32 - 1), st.booleans())
def test_a_decoder_beside_whose_prefixes_products_came(counts: tuple[int, int, int], seed: int, knows: bool) -> None:
    """All of what came is known, with more that is in neither trie; or some of it isn't: then nothing is said."""
    rng, (old, new, more) = np.random.default_rng(seed), counts
    sizes = (4, 3, 3)
    codes = np.stack([rng.integers(0, size, old + new + more) for size in sizes], 1)
    base = Trie.build(codes[:old], sizes).trie
    delta, order = Trie.build(codes[old : old + new], sizes)
    overlay = OverlayTrie(base, delta, base.bucket(codes[old : old + new][order])[1])
    known = Trie.build(codes if knows else codes[:old], sizes).trie
    mask = rng.random(old + new) < rng.choice([0.3, 1.0])
    for allowed in (None, OverlayAllowed.from_positions(overlay, mask)):
        dense = TableDecoder([3], sizes, seed % 10_000)
        decoder, asked = Beside(dense, known, base), BeamSettings(3, int(rng.integers(3, 12)))
        found = search_single(decoder, overlay, asked, allowed)
        if allowed is not None and not allowed.num_allowed:
            assert found is None
            continue
        assert decoder.asked
        if found is None:  # it met a prefix that came and is not known
            assert not knows
            continue
        wanted = beam_search(dense, overlay, asked, allowed)
        for name in ("positions", "scores", "ids", "proven", "bound", "rows", "budget_ended"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


@given(known_cases(st.just([3])), st.integers(1, 12), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_one_query_alone_is_answered_as_among_others(case: KnownCase, k: int, wider: int) -> None:
    trie, known, decoder, allowed = case
    asked = BeamSettings(k, k + wider - 1)
    found = search_single(Sparse(decoder, known), trie, asked, allowed)
    wanted = beam_search(decoder, trie, asked, allowed)
    if allowed is not None and not allowed.num_allowed:
        assert found is None
        assert (wanted.positions < 0).all()
        return
    assert found is not None
    for name in ("positions", "scores", "ids", "proven", "bound", "rows", "budget_ended"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def test_a_prefix_that_the_decoder_does_not_know_is_left_to_the_other_search() -> None:
    sizes = (3, 3)
    trie, known = (Trie.build(codes, sizes).trie for codes in ([[0, 1], [2, 2]], [[0, 1], [1, 1], [2, 1]]))
    assert search_single(Sparse(TableDecoder([0], sizes, 0), known), trie, BeamSettings(2, 2)) is None
    empty = Trie.build(np.zeros((0, 2), np.int64), sizes).trie
    assert search_single(Sparse(TableDecoder([0], sizes, 0), known), empty, BeamSettings(2, 2)) is None


@given(st.lists(st.sampled_from([-1.0, -2.0, -2.5, -np.inf]), min_size=1, max_size=12), st.integers(1, 12))
def test_the_best_are_the_first_of_a_stable_sort(scores: list[float], width: int) -> None:
    place, lost = best_of(np.array(scores, np.float32), width)
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    assert place.tolist() == sorted(at for at in order[:width] if scores[at] > -np.inf)
    assert lost == (scores[order[width]] if len(scores) > width else -np.inf)


@given(
    seed=st.integers(0, 10_000),
    count=st.sampled_from([1, 7, 50, 256]),
    size=st.sampled_from([1_000, 5_000, 30_011]),
    grain=st.sampled_from([0.0, 0.5, 5.0]),
    order=st.sampled_from(["any", "falling", "sampled low", "sampled high"]),
)
@settings(max_examples=150, deadline=None)
def test_the_best_of_many_are_found_by_a_sample(seed: int, count: int, size: int, grain: float, order: str) -> None:
    """The same as of few, however the sample misleads: it says which to look at, or that all must be."""
    scores = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    scores = np.round(scores / grain) * np.float32(grain) if grain else scores
    if order == "falling":
        scores = np.sort(scores)[::-1].copy()
    elif order != "any":
        scores[::SAMPLED] += 100.0 if order == "sampled high" else -100.0
    scores[: size // 10] = -np.inf
    best = np.sort(np.argsort(-scores, kind="stable")[:count])
    place, lost = best_of(scores, count)
    np.testing.assert_array_equal(place, best)
    assert lost == np.delete(scores, best).max()
    some = best_places(scores, count)
    assert some is None or np.isin(np.flatnonzero(scores >= scores[best].min()), some).all()


@given(
    seed=st.integers(0, 10_000),
    count=st.sampled_from([1, 7, 50, 256]),
    size=st.sampled_from([40, 256, 1_000, 5_003]),
    grain=st.sampled_from([0.0, 0.5]),
    misled=st.sampled_from([0.0, -100.0, 100.0]),
    tied=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=100, deadline=None)
def test_the_best_of_each_of_several_rows(
    seed: int, count: int, size: int, grain: float, misled: float, tied: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(4, size)).astype(np.float32)
    scores = np.round(scores / grain) * np.float32(grain) if grain else scores
    scores[1, ::SAMPLED] += misled
    scores[2, rng.random(size) < 0.9] = -np.inf
    scores[0] = np.where(rng.random(size) < tied, np.float32(3), scores[0])
    found = best_places_of_each(scores, count)
    assert found.shape == (4, min(count, size))
    assert (np.diff(found, axis=1) > 0).all()
    best = -np.sort(-scores, axis=1)[:, :count]
    np.testing.assert_array_equal(-np.sort(-np.take_along_axis(scores, found, 1), axis=1), best)
    scores[3, size // 2] = np.nan
    np.testing.assert_array_equal(best_places_of_each(scores, count)[:3], found[:3])


def test_a_sample_finds_the_best_of_many_scores_in_any_order() -> None:
    scores = np.random.default_rng(0).normal(size=30_000).astype(np.float32)
    places = best_places(scores, 256)
    assert places is not None
    assert 256 <= len(places) < 1000
    scores[777] = np.nan
    with pytest.raises(GenretError, match="not numbers"):
        best_of(scores, 50)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_scores_that_are_no_numbers_are_refused(width: int) -> None:
    with pytest.raises(GenretError, match="NaN"):
        best_of(np.array([-1.0, np.nan, -2.0], np.float32), width)
