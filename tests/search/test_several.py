"""The search for several queries over the prefixes that exist, against `beam_search`: the same answers and proofs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import KnownCase, TableDecoder, known_cases

from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.search.beam import BeamSettings, beam_search
from genret.search.several import best_of_each, search_several, spread
from genret.search.single import Scored
from genret.search.trie import Trie


class Sparse:
    """A `SeveralDecoder` of a `TableDecoder` that knows the prefixes of a trie."""

    def __init__(self, dense: TableDecoder, known: Trie) -> None:
        self.dense, self.known = dense, known
        nothing = np.zeros(0, np.int64)
        self.found = Scored(nothing, nothing, nothing, np.zeros(0, np.float32))
        self.owners = self.cells = nothing
        self.width = 1

    @property
    def num_queries(self) -> int:
        return self.dense.num_queries

    def step(self, level: int, kept: npt.NDArray[np.int64] | None) -> Scored:
        count = self.num_queries
        if kept is None:
            owners, nodes = np.arange(count), np.full(count, self.known.root)
            table, cells = self.dense.step(0, None, None), np.arange(count)
        else:
            owners, nodes = self.owners[kept], self.found.nodes[kept]
            most, cells = spread(owners, count)
            codes, parents = np.zeros(count * most, np.int64), np.zeros(count * most, np.int64)
            codes[cells] = self.found.codes[kept]
            before = self.cells[self.found.rows[kept]]
            parents[cells] = before - owners * self.width
            table = self.dense.step(level, *(torch.from_numpy(one).view(count, most) for one in (codes, parents)))
        self.width, self.cells = table.shape[1], cells
        rows, codes, children = self.known.children(level, nodes)
        scores = table.flatten(0, 1).numpy()[cells[rows], codes]
        self.found, self.owners = Scored(rows, codes, children, scores), owners[rows]
        return self.found

    def numbers_as(self, trie: Trie) -> bool:
        return trie is self.known

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        return nodes if trie is self.known else None


@given(known_cases(st.lists(st.integers(0, 49), min_size=1, max_size=5)), st.integers(1, 12), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_several_queries_are_answered_as_by_the_other_search(case: KnownCase, k: int, wider: int) -> None:
    trie, known, decoder, allowed = case
    asked = BeamSettings(k, k + wider - 1)
    found = search_several(Sparse(decoder, known), trie, asked, allowed)
    wanted = beam_search(decoder, trie, asked, allowed)
    if allowed is not None and not allowed.num_allowed:
        assert found is None
        return
    assert found is not None
    for name in ("positions", "scores", "ids", "proven", "bound", "budget_ended"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    assert (found.rows <= wanted.rows).all()  # nothing is padded


def test_a_prefix_that_the_decoder_does_not_know_is_left_to_the_other_search() -> None:
    sizes = (3, 3)
    trie, known = (Trie.build(codes, sizes).trie for codes in ([[0, 1], [2, 2]], [[0, 1], [1, 1], [2, 1]]))
    assert search_several(Sparse(TableDecoder([0, 1], sizes, 0), known), trie, BeamSettings(2, 2)) is None
    empty = Trie.build(np.zeros((0, 2), np.int64), sizes).trie
    assert search_several(Sparse(TableDecoder([0, 1], sizes, 0), known), empty, BeamSettings(2, 2)) is None


scores = st.lists(st.sampled_from([-1.0, -2.0, -2.5, -np.inf]), min_size=1, max_size=9)


@given(st.lists(scores, min_size=1, max_size=4), st.integers(1, 9))
def test_the_best_of_each_are_the_first_of_a_stable_sort(rows: list[list[float]], width: int) -> None:
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    place, lost = best_of_each(np.concatenate(rows).astype(np.float32), owners, len(rows), width)
    wanted, at = list[int](), 0
    for row, out in zip(rows, lost, strict=True):
        order = sorted(range(len(row)), key=lambda one: -row[one])
        wanted += sorted(at + one for one in order[:width] if row[one] > -np.inf)
        assert out == (row[order[width]] if len(row) > width else -np.inf)
        at += len(row)
    assert place.tolist() == wanted


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(GenretError, match="NaN"):
        best_of_each(np.array([-1.0, -2.0, np.nan], np.float32), np.array([0, 0, 1]), 2, 1)
