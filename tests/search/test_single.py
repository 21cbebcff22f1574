"""The search for one query alone against `beam_search`: the same answer, proof and cost, whatever ties and filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import KnownCase, TableDecoder, known_cases

from genret.ground.errors import GenretError
from genret.search.beam import BeamSettings, beam_search
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


@pytest.mark.parametrize("width", [1, 2, 5])
def test_scores_that_are_no_numbers_are_refused(width: int) -> None:
    with pytest.raises(GenretError, match="NaN"):
        best_of(np.array([-1.0, np.nan, -2.0], np.float32), width)
